/* SPDX-License-Identifier: MIT */
#include "tasker/transition.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "model/transition.h"
#include "row/memory.h"
#include "value/json_members.h"
#include "value/json_string.h"
#include "value/limits.h"
#include "value/text.h"
#include "value/time.h"

void tkr_check_metadata_filter(tkr_call *call, tasker_text key, tasker_json value)
{
    if (tkr_is_absent(key.ptr) && !tkr_is_absent(value.ptr))
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "metadata_value without metadata_key");
}

/* ---- facts ---- */

typedef enum fact_kind { FACT_TEXT, FACT_BOOL, FACT_INT, FACT_DOUBLE, FACT_TIME } fact_kind;

#define NO_FLAG SIZE_MAX
#define FACT(key, kind)                                                                                                \
    {                                                                                                                  \
#key, kind, offsetof(tasker_transition_facts, key), NO_FLAG                                                    \
    }
#define FLAGGED(key, kind)                                                                                             \
    {                                                                                                                  \
#key, kind, offsetof(tasker_transition_facts, key), offsetof(tasker_transition_facts, has_##key)               \
    }

static const struct fact {
    const char *key;
    fact_kind kind;
    size_t offset, has;
} known[] = {
    FACT(event, FACT_TEXT),
    FACT(actor, FACT_TEXT),
    FACT(error_message, FACT_TEXT),
    FACT(error_type, FACT_TEXT),
    FACT(resolved_by, FACT_TEXT),
    FACT(triggered_by, FACT_TEXT),
    FACT(reason, FACT_TEXT),
    FACT(retry_available, FACT_BOOL),
    FACT(retry_attempt, FACT_BOOL),
    FLAGGED(retryable, FACT_BOOL),
    FLAGGED(attempt_number, FACT_INT),
    FLAGGED(backoff_seconds, FACT_INT),
    FLAGGED(execution_duration, FACT_DOUBLE),
    FLAGGED(backoff_until, FACT_TIME),
};
enum { KNOWN = sizeof known / sizeof known[0] };

static const struct fact *find_fact(tasker_json key)
{
    for (size_t i = 0; i < KNOWN; i++)
        if (tkr_json_string_is(key, tasker_text_of(known[i].key)))
            return &known[i];
    return NULL;
}

static bool is_word(tasker_json value, const char *word)
{
    return value.len == strlen(word) && memcmp(value.ptr, word, value.len) == 0;
}

/* The value as the kind's, into the union; texts go to *room, which moves on. False: it is of another type. */
typedef union fact_value {
    tasker_text text;
    bool flag;
    int32_t number;
    double real;
    tasker_time time;
} fact_value;

static bool read_value(tasker_json value, fact_kind kind, char **room, fact_value *out)
{
    double number;
    if (kind == FACT_BOOL) {
        out->flag = is_word(value, "true");
        return out->flag || is_word(value, "false");
    }
    if (kind == FACT_INT || kind == FACT_DOUBLE) {
        if (!tkr_json_read_number(value, &number))
            return false;
        if (kind == FACT_DOUBLE)
            return out->real = number, true;
        if (!(number >= INT32_MIN && number <= INT32_MAX) || number != (double)(int32_t)number)
            return false;
        return out->number = (int32_t)number, true;
    }
    if (*value.ptr != '"')
        return false;
    tasker_text text = {*room, tkr_json_unescape(value, *room)};
    if (kind == FACT_TIME)
        return tkr_time_parse(text, &out->time);
    *room += text.len + 1;
    return out->text = text, true;
}

static void set_fact(tasker_transition_facts *facts, const struct fact *fact, tasker_json value, char **room)
{
    static const size_t sizes[] = {sizeof(tasker_text), sizeof(bool), sizeof(int32_t), sizeof(double),
                                   sizeof(tasker_time)};
    fact_value read = {{NULL, 0}};
    bool has = read_value(value, fact->kind, room, &read);
    if (!has)
        memset(&read, 0, sizeof read);
    memcpy((unsigned char *)facts + fact->offset, &read, sizes[fact->kind]);
    if (fact->has != NO_FLAG)
        memcpy((unsigned char *)facts + fact->has, &has, sizeof has);
}

tasker_status tasker_transition_read_facts(tasker_json metadata, const tasker_transition_facts **out)
{
    if (out == NULL)
        return TASKER_INVALID_ARGUMENT;
    *out = NULL;
    if (tkr_is_absent(metadata.ptr))
        metadata = (tasker_json)TASKER_JSON("null");
    tasker_status status = tasker_json_check(metadata, TASKER_JSON_SHAPE_ANY, &tkr_limits_widest, NULL);
    if (status != TASKER_OK)
        return status;
    /* A text takes no more room than it took in quotes. */
    tasker_transition_facts *facts = tkr_alloc(NULL, sizeof *facts + metadata.len);
    if (facts == NULL)
        return TASKER_OUT_OF_MEMORY;
    char *room = (char *)(facts + 1);
    tkr_json_members members = tkr_json_members_of(metadata);
    tasker_json key, value;
    while (tkr_json_members_next(&members, &key, &value)) {
        const struct fact *fact = find_fact(key);
        if (fact != NULL)
            set_fact(facts, fact, value, &room);
    }
    *out = facts;
    return TASKER_OK;
}

/* ---- a sentence ---- */

enum { LONG_TEXT = 240, SHORT_TEXT = 80 };

typedef struct sentence {
    char text[TASKER_TRANSITION_TEXT_SIZE];
    size_t used;
} sentence;

static void say(sentence *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What does not fit is left out; with the texts cut as they are, everything does. */
static void say(sentence *s, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(s->text + s->used, sizeof s->text - s->used, format, arguments);
    va_end(arguments);
    s->used += (size_t)length;
    if (length < 0 || s->used >= sizeof s->text)
        s->used = strlen(s->text);
}

/* before, the text (at most size bytes of it), after; nothing for an absent or empty text. */
static void say_text(sentence *s, const char *before, tasker_text text, size_t size, const char *after)
{
    char line[LONG_TEXT + 1];
    if (text.len == 0)
        return;
    bool cut = text.len > size;
    tkr_text_sanitize(line, cut ? size - 2 : size + 1, text.ptr, text.len);
    say(s, "%s%s%s%s", before, line, cut ? "..." : "", after);
}

static tasker_text first_of(tasker_text a, tasker_text b)
{
    return a.len > 0 ? a : b;
}

static void say_failure(sentence *s, const tasker_transition_facts *f)
{
    say(s, "Failed");
    if (f->has_attempt_number)
        say(s, " on attempt %" PRId32, f->attempt_number);
    say_text(s, " (", f->error_type, SHORT_TEXT, ")");
    say_text(s, ": ", first_of(f->error_message, f->reason), LONG_TEXT, "");
    if (f->retry_available && f->has_backoff_seconds)
        say(s, "; to be tried again after %" PRId32 " s", f->backoff_seconds);
    else if (f->retry_available)
        say(s, "; to be tried again");
}

static void say_start(sentence *s, const tasker_transition_facts *f)
{
    say(s, "Started");
    if (f->has_attempt_number)
        say(s, " attempt %" PRId32, f->attempt_number);
    say_text(s, " by ", f->actor, SHORT_TEXT, "");
}

static void say_completion(sentence *s, const tasker_transition_facts *f)
{
    say(s, "Completed");
    if (f->has_execution_duration && f->execution_duration >= 0 && f->execution_duration < 1e9) {
        int64_t ms = (int64_t)(f->execution_duration * 1000 + 0.5); /* the decimal point is not the locale's */
        say(s, " after %" PRId64 ".%03d s", ms / 1000, (int)(ms % 1000));
    }
    say_text(s, " by ", f->actor, SHORT_TEXT, "");
}

static void say_decision(sentence *s, const char *what, tasker_text who, tasker_text reason)
{
    say(s, "%s", what);
    say_text(s, " by ", who, SHORT_TEXT, "");
    say_text(s, ": ", reason, LONG_TEXT, "");
}

static void say_transition(sentence *s, tasker_state from, tasker_state to, const tasker_transition_facts *f)
{
    switch (to) {
    case TASKER_STATE_NONE:
        break;
    case TASKER_STATE_PENDING:
        if (from == TASKER_STATE_NONE)
            say_decision(s, "Created", f->actor, f->reason);
        else
            say_decision(s, "Made ready to be tried again", f->retry_attempt ? (tasker_text){NULL, 0} : f->actor,
                         f->reason);
        break;
    case TASKER_STATE_ENQUEUED:
        say_decision(s, "Enqueued", f->actor, f->reason);
        break;
    case TASKER_STATE_IN_PROGRESS:
        say_start(s, f);
        break;
    case TASKER_STATE_COMPLETE:
        say_completion(s, f);
        break;
    case TASKER_STATE_ERROR:
        say_failure(s, f);
        break;
    case TASKER_STATE_CANCELLED:
        say_decision(s, "Cancelled", first_of(f->triggered_by, f->actor), f->reason);
        break;
    case TASKER_STATE_RESOLVED_MANUALLY:
        say_decision(s, "Resolved manually", first_of(f->resolved_by, f->actor), f->reason);
        break;
    }
    if (strchr(".!?", s->text[s->used - 1]) == NULL)
        say(s, ".");
}

static bool is_state(tasker_state state)
{
    return state >= TASKER_STATE_PENDING && state <= TASKER_STATE_RESOLVED_MANUALLY;
}

tasker_status tasker_transition_describe(tasker_state from_state, tasker_state to_state, tasker_json metadata,
                                         size_t size, char *out)
{
    sentence s = {"", 0};
    const tasker_transition_facts *facts;
    if (out == NULL || !is_state(to_state) || (from_state != TASKER_STATE_NONE && !is_state(from_state)))
        return TASKER_INVALID_ARGUMENT;
    tasker_status status = tasker_transition_read_facts(metadata, &facts);
    if (status != TASKER_OK)
        return status;
    say_transition(&s, from_state, to_state, facts);
    tasker_free(facts);
    if (s.used >= size)
        return TASKER_TOO_LONG;
    memcpy(out, s.text, s.used + 1);
    return TASKER_OK;
}
