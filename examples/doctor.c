/* SPDX-License-Identifier: MIT */
/*
 * Looks whether a database is healthy:
 *     doctor [--quick] [--observe] [--schema NAME] [CONNINFO]
 * CONNINFO is libpq's; without it the PG* environment variables count. --quick leaves out histories and the schema;
 * with --observe what other programs have written wrongly is a note.
 * Exit status: 0 healthy (there may be notes and warnings), 1 damage, 2 wrong usage, 3 no answer.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <tasker/tasker.h>

enum { HEALTHY, DAMAGED, WRONG_USAGE, NO_ANSWER };

static int complain(const char *what, const tasker_error *error)
{
    fprintf(stderr, "doctor: %s: %s (%s)\n", what, error->message, tasker_status_name(error->status));
    return NO_ANSWER;
}

static void print_text(const char *what, tasker_text text)
{
    if (text.ptr != NULL)
        printf("    %-9s %s\n", what, text.ptr);
}

static void print_finding(const tasker_finding *f)
{
    static const char *const severities[] = {"", "note", "warning", "damage"};
    printf("%s: %s: %s", severities[f->severity], f->check.ptr, f->object.ptr);
    if (f->violations > 1)
        printf(" and %" PRId64 " more", f->violations - 1);
    putchar('\n');
    print_text("expected:", f->expected);
    print_text("found:", f->found);
    print_text("advice:", f->advice);
}

static int examine(tasker_db *db, const tasker_doctor_options *options)
{
    const tasker_findings *findings = NULL;
    size_t damages = 0;
    if (tasker_doctor_run(db, options, &findings) != TASKER_OK)
        return complain("no answer", tasker_db_error(db));
    for (size_t i = 0; i < findings->count; i++) {
        print_finding(findings->items[i]);
        damages += findings->items[i]->severity == TASKER_SEVERITY_DAMAGE;
    }
    printf("%s: %zu findings, %zu of them damage\n", damages > 0 ? "damaged" : "healthy", findings->count, damages);
    tasker_free(findings);
    return damages > 0 ? DAMAGED : HEALTHY;
}

static int usage(void)
{
    fputs("usage: doctor [--quick] [--observe] [--schema NAME] [CONNINFO]\n", stderr);
    return WRONG_USAGE;
}

int main(int argc, char **argv)
{
    static const struct option words[] = {{"quick", no_argument, NULL, 'q'},
                                          {"observe", no_argument, NULL, 'o'},
                                          {"schema", required_argument, NULL, 's'},
                                          {NULL, 0, NULL, 0}};
    tasker_doctor_options options = {.quick = false};
    tasker_db_options db_options = {.schema = TASKER_TEXT("public"), .call_timeout_ms = -1}; /* reads all there is */
    tasker_error error;
    tasker_db *db;
    for (int option; (option = getopt_long(argc, argv, "qos:", words, NULL)) != -1;) {
        options.quick = options.quick || option == 'q';
        options.observe = options.observe || option == 'o';
        if (option == 's')
            db_options.schema = tasker_text_of(optarg);
        else if (option == '?')
            return usage();
    }
    if (argc - optind > 1)
        return usage();
    if (tasker_db_open(tasker_text_of(optind < argc ? argv[optind] : ""), &db_options, &error, &db) != TASKER_OK)
        return complain("cannot open", &error);
    int result = examine(db, &options);
    tasker_db_close(db);
    return result;
}
