/* SPDX-License-Identifier: MIT */
#include "model/schema_text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "model/queue_backend.h"
#include "statements.h"
#include "tasker/version.h"
#include "value/text.h"

enum { NAME_BYTES = 63 };

const char *tkr_schema_profile_name(tasker_schema_profile profile)
{
    static const char *const names[] = {"lean", "compatible", "adopted"};
    return names[profile];
}

tasker_status tkr_schema_check(const tasker_schema_options *o, const char *schema, const char **why)
{
    const uint64_t none[4] = {0};
    *why = "a reserved word of the options is set: made for a newer library than this one";
    if (memcmp(o->reserved, none, sizeof none) != 0)
        return TASKER_UNSUPPORTED;
    *why = "no such profile";
    if (o->profile != TASKER_SCHEMA_PROFILE_LEAN && o->profile != TASKER_SCHEMA_PROFILE_COMPATIBLE)
        return TASKER_UNSUPPORTED;
    *why = "this library has no schema of target_version";
    if (o->target_version < 0 || o->target_version > TASKER_SCHEMA_VERSION)
        return TASKER_UNSUPPORTED;
    *why = "the schema's name contains \"$tasker\", which the scripts use as a quote";
    return strstr(schema, "$tasker") == NULL ? TASKER_OK : TASKER_INVALID_ARGUMENT;
}

/* ---- putting the text together; a piece that is NULL or cannot be added makes the whole NULL ---- */

static char *add(char *text, char *piece, const char *end)
{
    size_t used = text != NULL ? strlen(text) : 0;
    char *longer = text != NULL && piece != NULL ? realloc(text, used + strlen(piece) + strlen(end) + 1) : NULL;
    if (longer == NULL)
        free(text);
    else
        strcpy(stpcpy(longer + used, piece), end);
    free(piece);
    return longer;
}

static char *add_statement(char *text, uint32_t statement, const char *schema_quoted)
{
    return add(text, tkr_expand_schema(tkr_statements[statement].query.text, schema_quoted, ""), ";\n\n");
}

/* Those of the queue speak of no schema but its own. */
static char *add_queue(char *text, int32_t version, const char *queue_schema)
{
    for (const tkr_migration *m = tkr_migrations; m->version != 0; m++)
        if (m->version == version && strcmp(m->profile, "queue") == 0)
            text = add(text, tkr_expand(m->text, "{queue_schema}", queue_schema, ""), "\n");
    return text;
}

static char *add_migrations(char *text, int32_t version, const char *profile, bool tables, const char *schema_quoted)
{
    for (const tkr_migration *m = tkr_migrations; m->version != 0; m++)
        if (m->version == version && strcmp(m->profile, profile) == 0 && (tables || strcmp(m->topic, "schema") != 0))
            text = add(text, tkr_expand_schema(m->text, schema_quoted, ""), "\n");
    return text;
}

static char *replace(char *text, const char *mark, const char *value)
{
    char *replaced = text != NULL ? tkr_expand(text, mark, value, "") : NULL;
    free(text);
    return replaced;
}

/* The schema's name goes in last: it may look like a parameter. */
static char *add_record(char *text, int32_t version, const char *profile, const char *schema_quoted)
{
    char number[16], word[32];
    snprintf(number, sizeof number, "%d", version);
    snprintf(word, sizeof word, "'%s'", profile);
    char *piece = replace(strdup(tkr_statements[TKR_STATEMENT_schema_install__record].query.text), "$1", number);
    piece = replace(piece, "$2", word);
    piece = replace(piece, "$3", "'" TASKER_VERSION "'");
    piece = replace(piece, "{schema}", schema_quoted);
    return add(text, piece, ";\n\n");
}

static char *add_version(char *text, int32_t version, tasker_schema_profile profile, const char *schema_quoted,
                         const char *queue_schema)
{
    const char *name = tkr_schema_profile_name(profile);
    text = add_statement(text, TKR_STATEMENT_schema_install__path, schema_quoted);
    if (version == 1)
        text = add_statement(text, TKR_STATEMENT_schema_install__schema, schema_quoted);
    text = add_migrations(text, version, "", true, schema_quoted);
    if (profile == TKR_SCHEMA_PROFILE_ADOPTED)
        text = add_migrations(text, version, "compatible", true, schema_quoted);
    text = add_migrations(text, version, name, true, schema_quoted);
    if (queue_schema != NULL)
        text = add_queue(text, version, queue_schema);
    text = add_record(text, version, name, schema_quoted);
    return text;
}

char *tkr_schema_text_queue(int32_t version)
{
    char *text = add_statement(strdup(""), TKR_STATEMENT_schema_install__path, "");
    return add_queue(text, version, TKR_QUEUE_SCHEMA);
}

char *tkr_schema_text_beside(int32_t version, tasker_schema_profile profile, const char *schema_quoted,
                             const char *queue_schema)
{
    return add_version(strdup(""), version, profile, schema_quoted, queue_schema);
}

char *tkr_schema_text(int32_t version, const tasker_schema_options *o, const char *schema_quoted, bool framed)
{
    const char *queue_schema = o->without_queue ? NULL : TKR_QUEUE_SCHEMA;
    char *text = strdup("");
    if (framed) {
        text = add_statement(text, TKR_STATEMENT_db_begin__read_committed, schema_quoted);
        text = add_statement(text, TKR_STATEMENT_schema_install__lock, schema_quoted);
    }
    text = add_version(text, version, o->profile, schema_quoted, queue_schema);
    return framed ? add_statement(text, TKR_STATEMENT_db_commit, schema_quoted) : text;
}

char *tkr_schema_adopt_text(int32_t version, const char *schema_quoted)
{
    const char *name = tkr_schema_profile_name(TKR_SCHEMA_PROFILE_ADOPTED);
    char *text = add_statement(strdup(""), TKR_STATEMENT_schema_install__path, schema_quoted);
    text = add_migrations(text, version, name, true, schema_quoted);
    text = add_statement(text, TKR_STATEMENT_schema_adopt__replace, schema_quoted);
    text = add_migrations(text, version, "", false, schema_quoted);
    text = add_record(text, version, name, schema_quoted);
    return add_statement(text, TKR_STATEMENT_schema_adopt__keep, schema_quoted);
}

char *tkr_schema_unadopt_text(const char *schema_quoted)
{
    char *text = add_statement(strdup(""), TKR_STATEMENT_schema_install__path, schema_quoted);
    return add_statement(text, TKR_STATEMENT_schema_unadopt, schema_quoted);
}

char *tkr_quote_identifier(const char *name)
{
    char *quoted = malloc(2 * strlen(name) + 3), *to = quoted;
    if (quoted == NULL)
        return NULL;
    *to++ = '"';
    for (; *name != '\0'; name++) {
        if (*name == '"')
            *to++ = '"';
        *to++ = *name;
    }
    strcpy(to, "\"");
    return quoted;
}

/* ---- the same for everybody ---- */

static tasker_status dump_versions(const tasker_schema_options *o, int32_t target, const char *quoted, char **out)
{
    char *text = strdup("");
    for (int32_t version = 1; version <= target; version++)
        text = add(text, tkr_schema_text(version, o, quoted, true), "");
    *out = text;
    return text != NULL ? TASKER_OK : TASKER_OUT_OF_MEMORY;
}

static tasker_status give_text(const char *text, const tasker_text **out)
{
    size_t length = strlen(text);
    tasker_text *copy = tkr_alloc(NULL, sizeof *copy + length + 1);
    if (copy == NULL)
        return TASKER_OUT_OF_MEMORY;
    *copy = (tasker_text){memcpy(copy + 1, text, length + 1), length};
    *out = copy;
    return TASKER_OK;
}

tasker_status tasker_schema_dump(tasker_text schema, const tasker_schema_options *options, const tasker_text **out)
{
    static const tasker_schema_options defaults = {0};
    static const tasker_text public_schema = TASKER_TEXT("public");
    const tasker_schema_options *o = options != NULL ? options : &defaults;
    const char *why;
    char name[NAME_BYTES + 1] = "", *text = NULL;
    if (out == NULL)
        return TASKER_INVALID_ARGUMENT;
    *out = NULL;
    tasker_text s = schema.ptr != NULL ? schema : public_schema;
    if (s.len == 0 || s.len > NAME_BYTES || !tkr_utf8_valid(s.ptr, s.len, NULL))
        return TASKER_INVALID_ARGUMENT;
    memcpy(name, s.ptr, s.len);
    tasker_status status = tkr_schema_check(o, name, &why);
    if (status != TASKER_OK)
        return status;
    char *quoted = tkr_quote_identifier(name);
    int32_t target = o->target_version != 0 ? o->target_version : TASKER_SCHEMA_VERSION;
    status = quoted != NULL ? dump_versions(o, target, quoted, &text) : TASKER_OUT_OF_MEMORY;
    if (status == TASKER_OK)
        status = give_text(text, out);
    free(text);
    free(quoted);
    return status;
}
