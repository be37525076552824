/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "say.h"

static const char usage[] =
    "usage: run_workflow [OPTION...] --workflow FILE\n"
    "\n"
    "Creates a task from a workflow file and drives it to its end. The work of a step is simulated: it takes the time\n"
    "that the file says, and may fail. FILE is in the form that examples/README.md describes, or in WfFormat 1.5.\n"
    "\n"
    "  -w, --workflow FILE    the workflow (the option's name may be left out); with --resume and --join it tells how\n"
    "                         long steps take, and without it each takes a second\n"
    "  -c, --conninfo STRING  libpq's connection string; default: the PG* environment variables\n"
    "      --schema NAME      where the tables are; default: public\n"
    "  -n, --workers N        worker threads, 1 to 64; default: 4\n"
    "      --speed X          simulated time runs X times as fast (\"inf\": steps take no time);\n"
    "                         default: auto, so that the work takes about four seconds at most\n"
    "      --fail-rate P      how many attempts fail, 0 to 1; default: 0\n"
    "      --seed S           decides which attempts fail; default: 1\n"
    "      --retry-limit N    the largest number of starts of each step, instead of the file's\n"
    "      --context JSON     the task's context, an object, instead of the file's\n"
    "      --create N         create N tasks, print them, and leave their work to others\n"
    "      --resume UUID      go on with this task after its run died: what was in progress is started again\n"
    "      --join UUID        work on this task beside others who may do the same\n"
    "      --dot FILE         draw the steps and their states\n"
    "      --svg FILE         the same as a picture, where graphviz is installed\n"
    "      --out DIR          both, as DIR/<name>.dot and DIR/<name>.svg\n"
    "  -q, --quiet            print the task and how it ended only\n"
    "  -h, --help             print this\n"
    "\n"
    "Exit status: 0 the task is complete and the invariants of its rows hold, 1 not so, 2 bad usage or bad input.\n";

enum { SCHEMA = 256, SPEED, FAIL_RATE, SEED, RETRY_LIMIT, CONTEXT, CREATE, RESUME, JOIN, DOT, SVG, OUT };

static const struct option known[] = {
    {"workflow", required_argument, NULL, 'w'},
    {"conninfo", required_argument, NULL, 'c'},
    {"schema", required_argument, NULL, SCHEMA},
    {"workers", required_argument, NULL, 'n'},
    {"speed", required_argument, NULL, SPEED},
    {"fail-rate", required_argument, NULL, FAIL_RATE},
    {"seed", required_argument, NULL, SEED},
    {"retry-limit", required_argument, NULL, RETRY_LIMIT},
    {"context", required_argument, NULL, CONTEXT},
    {"create", required_argument, NULL, CREATE},
    {"resume", required_argument, NULL, RESUME},
    {"join", required_argument, NULL, JOIN},
    {"dot", required_argument, NULL, DOT},
    {"svg", required_argument, NULL, SVG},
    {"out", required_argument, NULL, OUT},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static bool read_integer(const char *name, const char *text, long low, long high, int32_t *out)
{
    char *end = NULL;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < low || value > high) {
        say("--%s: \"%s\" is no whole number from %ld to %ld", name, text, low, high);
        return false;
    }
    *out = (int32_t)value;
    return true;
}

static bool read_seed(const char *text, uint64_t *out)
{
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 0);
    if (errno != 0 || end == text || *end != '\0' || strchr(text, '-') != NULL) {
        say("--seed: \"%s\" is no whole number from 0 to 2^64 - 1", text);
        return false;
    }
    *out = value;
    return true;
}

static bool read_speed(const char *text, double *out)
{
    char *end = NULL;
    double value = strtod(text, &end);
    if (strcmp(text, "auto") == 0) {
        *out = 0;
        return true;
    }
    if (end == text || *end != '\0' || isnan(value) || value < 1e-6) {
        say("--speed: \"%s\" is neither \"auto\" nor a number from 0.000001 on", text);
        return false;
    }
    *out = value;
    return true;
}

static bool read_rate(const char *text, double *out)
{
    char *end = NULL;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= 0 && value <= 1)) {
        say("--fail-rate: \"%s\" is no number from 0 to 1", text);
        return false;
    }
    *out = value;
    return true;
}

static bool read_task(const char *name, const char *text, tasker_uuid *out)
{
    size_t offset = 0;
    if (tasker_uuid_parse(tasker_text_of(text), &offset, out) == TASKER_OK)
        return true;
    say("--%s: \"%s\" is no UUID (see character %zu)", name, text, offset + 1);
    return false;
}

static bool read_json(const char *text)
{
    tasker_error error;
    if (tasker_json_check(tasker_json_of(text), TASKER_JSON_SHAPE_OBJECT, NULL, &error) == TASKER_OK)
        return true;
    say("--context: %s", error.message);
    return false;
}

/* Where an option goes that is taken as it is; NULL: it is not such a one. */
static const char **plain_option(int option, struct options *out)
{
    switch (option) {
    case 'w':
        return &out->workflow;
    case 'c':
        return &out->conninfo;
    case SCHEMA:
        return &out->schema;
    case CONTEXT:
        return &out->context;
    case DOT:
        return &out->dot;
    case SVG:
        return &out->svg;
    case OUT:
        return &out->out;
    default:
        return NULL;
    }
}

static bool take_option(int option, const char *value, struct options *out)
{
    const char **plain = plain_option(option, out);
    if (plain != NULL) {
        *plain = value;
        return option != CONTEXT || read_json(value);
    }
    switch (option) {
    case 'n':
        return read_integer("workers", value, 1, 64, &out->workers);
    case SPEED:
        return read_speed(value, &out->speed);
    case FAIL_RATE:
        return read_rate(value, &out->fail_rate);
    case SEED:
        return read_seed(value, &out->seed);
    case RETRY_LIMIT:
        out->has_retry_limit = true;
        return read_integer("retry-limit", value, 0, INT32_MAX, &out->retry_limit);
    case CREATE:
        return read_integer("create", value, 1, 1000000, &out->create);
    case RESUME:
        out->resume = true;
        return read_task("resume", value, &out->task_uuid);
    case JOIN:
        out->join = true;
        return read_task("join", value, &out->task_uuid);
    case 'q':
        out->quiet = true;
        return true;
    case 'h':
        out->help = true;
        return true;
    default:
        fputs("Try --help.\n", stderr); /* after what getopt_long has said */
        return false;
    }
}

bool options_read(int argc, char **argv, struct options *out)
{
    *out = (struct options){.conninfo = "", .workers = 4, .seed = 1};
    for (int option; (option = getopt_long(argc, argv, "w:c:n:qh", known, NULL)) != -1;) {
        if (!take_option(option, optarg, out))
            return false;
        if (out->help) {
            fputs(usage, stdout);
            return true;
        }
    }
    if (optind < argc && out->workflow == NULL)
        out->workflow = argv[optind++];
    if (optind < argc) {
        say("one workflow at a time; what is \"%s\"? Try --help.", argv[optind]);
        return false;
    }
    if (out->workflow == NULL && !out->resume && !out->join) {
        say("which workflow? Try --help.");
        return false;
    }
    if (out->resume + out->join + (out->create > 0) > 1) {
        say("--create, --resume and --join exclude each other");
        return false;
    }
    return true;
}
