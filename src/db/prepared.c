/* SPDX-License-Identifier: MIT */
#include "db/prepared.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tasker/version.h"

char *tkr_expand(const char *text, const char *mark, const char *value, const char *prefix)
{
    const size_t length = strlen(mark), width = strlen(value);
    size_t marks = 0;
    for (const char *at = text; (at = strstr(at, mark)) != NULL; at += length)
        marks++;
    char *expanded = malloc(strlen(prefix) + strlen(text) + marks * width + 1);
    if (expanded == NULL)
        return NULL;
    char *to = stpcpy(expanded, prefix);
    for (const char *at; (at = strstr(text, mark)) != NULL; text = at + length) {
        memcpy(to, text, (size_t)(at - text));
        to += at - text;
        memcpy(to, value, width);
        to += width;
    }
    strcpy(to, text);
    return expanded;
}

char *tkr_expand_schema(const char *text, const char *schema_quoted, const char *prefix)
{
    return tkr_expand(text, "{schema}", schema_quoted, prefix);
}

/* FNV-1a: spreads well over some hundred texts, and names only have to differ, not to resist anybody. */
static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash;
}

bool tkr_prepared_know(tkr_prepared *prepared, const char *name)
{
    char(*known)[64] = realloc(prepared->known, (prepared->known_count + 1) * sizeof *known);
    if (known == NULL)
        return false;
    prepared->known = known;
    snprintf(known[prepared->known_count++], sizeof *known, "%s", name);
    return true;
}

static bool is_known(const tkr_prepared *prepared, const char *name)
{
    for (size_t i = 0; i < prepared->known_count; i++)
        if (strcmp(prepared->known[i], name) == 0)
            return true;
    return false;
}

/* The schema's name goes in last: it may look like the other mark. */
static char *expand_both(const char *text, const char *schema_quoted, const char *queue_schema, const char *prefix)
{
    if (queue_schema == NULL || strstr(text, "{queue_schema}") == NULL)
        return tkr_expand_schema(text, schema_quoted, prefix);
    char *with_queue = tkr_expand(text, "{queue_schema}", queue_schema, "");
    char *expanded = with_queue != NULL ? tkr_expand_schema(with_queue, schema_quoted, prefix) : NULL;
    free(with_queue);
    return expanded;
}

static bool make_entry(tkr_prepared *prepared, tkr_prepared_entry *entry, const tkr_query *query,
                       const char *schema_quoted)
{
    char prefix[32] = "";
    if (prepared->generation > 0)
        snprintf(prefix, sizeof prefix, "/* %" PRIu32 " */ ", prepared->generation);
    char *text = expand_both(query->text, schema_quoted, prepared->queue_schema, prefix);
    if (text == NULL)
        return false;
    free(entry->text);
    entry->text = text;
    entry->generation = prepared->generation;
    uint64_t hash = hash_text(hash_text(UINT64_C(0xcbf29ce484222325), TASKER_VERSION), text);
    snprintf(entry->name, sizeof entry->name, "tasker_%.36s_%016" PRIx64, query->name, hash);
    entry->state = is_known(prepared, entry->name) ? TKR_PREPARED_THERE : TKR_PREPARED_NOT;
    return true;
}

static bool grow(tkr_prepared *prepared, size_t count)
{
    tkr_prepared_entry *entries = realloc(prepared->entries, count * sizeof *entries);
    if (entries == NULL)
        return false;
    memset(entries + prepared->count, 0, (count - prepared->count) * sizeof *entries);
    prepared->entries = entries;
    prepared->count = count;
    return true;
}

tkr_prepared_entry *tkr_prepared_use(tkr_prepared *prepared, const tkr_query *query, const char *schema_quoted)
{
    if (query->id >= prepared->count && !grow(prepared, query->id + 16u))
        return NULL;
    tkr_prepared_entry *entry = &prepared->entries[query->id];
    if (entry->text != NULL && entry->generation == prepared->generation)
        return entry;
    return make_entry(prepared, entry, query, schema_quoted) ? entry : NULL;
}

void tkr_prepared_renew(tkr_prepared *prepared)
{
    prepared->generation++;
}

void tkr_prepared_reset(tkr_prepared *prepared)
{
    for (size_t i = 0; i < prepared->count; i++)
        prepared->entries[i].state = TKR_PREPARED_NOT;
    prepared->known_count = 0;
}

void tkr_prepared_free(tkr_prepared *prepared)
{
    for (size_t i = 0; i < prepared->count; i++)
        free(prepared->entries[i].text);
    free(prepared->entries);
    free(prepared->known);
    *prepared = (tkr_prepared){0};
}
