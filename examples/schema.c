/* SPDX-License-Identifier: MIT */
/*
 * Installs and checks the tables from a shell, or adopts those of tasker-core:
 *     schema install|adopt|unadopt|version|verify|dump CONNINFO [--profile lean|compatible] [--schema NAME]
 * CONNINFO is libpq's; "" means the PG* environment variables. dump needs none and prints SQL.
 * Exit status: 0 fine, 1 findings or a failure, 2 wrong usage.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <tasker/tasker.h>

typedef struct request {
    tasker_text conninfo, schema;
    tasker_schema_options options;
    bool has_profile;
} request;

static int complain(const char *what, const tasker_error *error)
{
    fprintf(stderr, "schema: %s: %s (%s%s%s)\n", what, error->message, tasker_status_name(error->status),
            error->sqlstate[0] != '\0' ? ", SQLSTATE " : "", error->sqlstate);
    return 1;
}

static int install(tasker_db *db, const request *r)
{
    tasker_status status = tasker_schema_install(db, &r->options);
    if (!tasker_status_is_done(status))
        return complain("not installed", tasker_db_error(db));
    printf("%s: version %d\n", status == TASKER_OK ? "installed" : "was installed already",
           (int)tasker_db_session(db)->schema_version);
    return 0;
}

static int adopt(tasker_db *db, const request *r)
{
    tasker_status status = tasker_schema_adopt(db, &r->options);
    if (!tasker_status_is_done(status))
        return complain("not adopted", tasker_db_error(db));
    printf("%s: version %d\n", status == TASKER_OK ? "adopted" : "was adopted already",
           (int)tasker_db_session(db)->schema_version);
    return 0;
}

static int unadopt(tasker_db *db, const request *r)
{
    (void)r;
    tasker_status status = tasker_schema_unadopt(db);
    if (!tasker_status_is_done(status))
        return complain("not taken back", tasker_db_error(db));
    puts(status == TASKER_OK ? "taken back" : "was not adopted");
    return 0;
}

static int version(tasker_db *db, const request *r)
{
    int32_t found = 0;
    (void)r;
    if (tasker_schema_version(db, &found) != TASKER_OK)
        return complain("no answer", tasker_db_error(db));
    printf("%d\n", (int)found);
    return found != 0 ? 0 : 1;
}

/* Notes are printed and do not count. */
static int verify(tasker_db *db, const request *r)
{
    static const char *const severities[] = {"", "note", "warning", "damage"};
    const tasker_findings *findings = NULL;
    int result = 0;
    if (tasker_schema_verify(db, r->has_profile ? &r->options : NULL, &findings) != TASKER_OK)
        return complain("not verified", tasker_db_error(db));
    for (size_t i = 0; i < findings->count; i++) {
        const tasker_finding *f = findings->items[i];
        printf("%s: %s: %s\n", severities[f->severity], f->object.ptr, f->advice.ptr);
        printf("    expected: %s\n", f->expected.ptr != NULL ? f->expected.ptr : "nothing");
        printf("    found:    %s\n", f->found.ptr != NULL ? f->found.ptr : "nothing");
        if (f->severity > TASKER_SEVERITY_NOTE)
            result = 1;
    }
    printf("%zu findings\n", findings->count);
    tasker_free(findings);
    return result;
}

static int dump(const request *r)
{
    const tasker_text *text = NULL;
    tasker_status status = tasker_schema_dump(r->schema, &r->options, &text);
    if (status != TASKER_OK) {
        fprintf(stderr, "schema: no dump: %s\n", tasker_status_text(status));
        return 1;
    }
    fputs(text->ptr, stdout);
    tasker_free(text);
    return 0;
}

static int usage(void)
{
    fputs("usage: schema install|adopt|unadopt|version|verify|dump CONNINFO [--profile lean|compatible]"
          " [--schema NAME] [--without-queue]\n",
          stderr);
    return 2;
}

/* Adopting looks at every step, however many there are. */
static int connected(int (*run)(tasker_db *db, const request *r), const request *r)
{
    const tasker_db_options options = {
        .schema = r->schema, .any_schema = true, .call_timeout_ms = run == adopt ? -1 : 0};
    tasker_error error;
    tasker_db *db;
    if (tasker_db_open(r->conninfo, &options, &error, &db) != TASKER_OK)
        return complain("cannot open", &error);
    int result = run(db, r);
    tasker_db_close(db);
    return result;
}

static bool read_profile(const char *word, request *r)
{
    r->has_profile = true;
    r->options.profile =
        strcmp(word, "compatible") == 0 ? TASKER_SCHEMA_PROFILE_COMPATIBLE : TASKER_SCHEMA_PROFILE_LEAN;
    return strcmp(word, "compatible") == 0 || strcmp(word, "lean") == 0;
}

static const struct {
    const char *name;
    int (*run)(tasker_db *db, const request *r);
} verbs[] = {{"install", install}, {"adopt", adopt}, {"unadopt", unadopt}, {"version", version}, {"verify", verify}};

int main(int argc, char **argv)
{
    static const struct option options[] = {{"profile", required_argument, NULL, 'p'},
                                            {"schema", required_argument, NULL, 's'},
                                            {"without-queue", no_argument, NULL, 'q'},
                                            {NULL, 0, NULL, 0}};
    request r = {.schema = TASKER_TEXT("public")};
    for (int option; (option = getopt_long(argc, argv, "p:qs:", options, NULL)) != -1;) {
        if (option == 's')
            r.schema = tasker_text_of(optarg);
        else if (option == 'q')
            r.options.without_queue = true;
        else if (option != 'p' || !read_profile(optarg, &r))
            return usage();
    }
    int words = argc - optind;
    const char *verb = words > 0 ? argv[optind] : "";
    r.conninfo = tasker_text_of(words > 1 ? argv[optind + 1] : "");
    if (strcmp(verb, "dump") == 0 && words <= 2)
        return dump(&r);
    for (size_t i = 0; words == 2 && i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(verb, verbs[i].name) == 0)
            return connected(verbs[i].run, &r);
    return usage();
}
