/* SPDX-License-Identifier: MIT */
#include "value/json_canonical.h"

#include <stdlib.h>
#include <string.h>

#include "value/error.h"
#include "value/json_number.h"
#include "value/json_string.h"
#include "value/limits.h"

#define NONE UINT32_MAX

/* A value in the text. Offsets fit: a text has at most TKR_VALUE_BYTES_MAX bytes. */
typedef struct node {
    uint32_t at;                 /* where it begins */
    uint32_t key, key_len;       /* in keys, unescaped; of a member of an object */
    uint32_t parent, next;       /* NONE: none */
    uint32_t first, last, count; /* of a container's items */
} node;

typedef struct work {
    const char *text, *at, *end; /* has been checked, so it is read without further looks */
    node *nodes;
    size_t node_count, node_size;
    char *keys; /* as large as the text, which is never shorter than what its strings stand for */
    size_t keys_used;
    uint32_t *order; /* items of one container */
    size_t order_size;
    char *out;
    size_t out_used, out_size;
} work;

/* ==== Memory */

/* Room for wanted elements; doubling. */
static bool grow(void **array, size_t *size, size_t wanted, size_t element)
{
    if (wanted <= *size)
        return true;
    size_t more = *size * 2 > wanted ? *size * 2 : wanted;
    void *larger = realloc(*array, more * element);
    if (larger == NULL)
        return false;
    *array = larger;
    *size = more;
    return true;
}

static bool reserve(work *w, size_t len)
{
    void *out = w->out;
    bool ok = grow(&out, &w->out_size, w->out_used + len, 1);
    w->out = out;
    return ok;
}

static bool put(work *w, const char *bytes, size_t len)
{
    if (!reserve(w, len))
        return false;
    memcpy(w->out + w->out_used, bytes, len);
    w->out_used += len;
    return true;
}

static bool put_number(work *w, const char *number, size_t len)
{
    if (!reserve(w, len + TKR_JSON_NUMBER_MORE))
        return false;
    w->out_used += tkr_json_number_canonical(number, len, w->out + w->out_used);
    return true;
}

/* ==== Strings */

/* The string at *at without quotes and escapes; *at moves behind it. Returns its length. */
static size_t take_string(const work *w, const char **at, char *out)
{
    const char *past = tkr_json_past_string(*at, w->end);
    size_t len = tkr_json_unescape((tasker_json){*at, (size_t)(past - *at)}, out);
    *at = past;
    return len;
}

static bool put_string(work *w, const char *at, size_t len)
{
    tasker_text text = {at, len};
    size_t size = tkr_json_quoted_size(text);
    if (!reserve(w, size))
        return false;
    tkr_json_quote(text, w->out + w->out_used);
    w->out_used += size;
    return true;
}

/* ==== Reading: the tree of all values, the members of each object in their order */

/* Bytes of UTF-8 in the order of UTF-16 units: what is encoded from U+E000 on comes after all surrogates. */
static int weight(unsigned char byte)
{
    return byte == 0xEE || byte == 0xEF ? byte + 0x10 : byte;
}

static int compare_keys(const void *a, const void *b, void *context)
{
    const work *w = context;
    uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    const node *x = &w->nodes[i], *y = &w->nodes[j];
    uint32_t least = x->key_len < y->key_len ? x->key_len : y->key_len;
    const char *k = w->keys + x->key, *l = w->keys + y->key;
    for (uint32_t at = 0; at < least; at++)
        if (k[at] != l[at])
            return weight((unsigned char)k[at]) - weight((unsigned char)l[at]);
    return (x->key_len > y->key_len) - (x->key_len < y->key_len);
}

static int compare_members(const void *a, const void *b, void *context)
{
    int c = compare_keys(a, b, context);
    uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    return c != 0 ? c : (i > j) - (i < j);
}

/* Of a key that is given twice the last one stays. */
static bool sort_members(work *w, node *object)
{
    if (object->count < 2)
        return true;
    void *order = w->order;
    bool ok = grow(&order, &w->order_size, object->count, sizeof *w->order);
    w->order = order;
    if (!ok)
        return false;
    size_t n = 0;
    for (uint32_t i = object->first; i != NONE; i = w->nodes[i].next)
        w->order[n++] = i;
    qsort_r(w->order, n, sizeof *w->order, compare_members, w);
    object->first = NONE;
    for (size_t i = n; i-- > 0;) {
        if (i + 1 < n && compare_keys(&w->order[i], &w->order[i + 1], w) == 0)
            continue;
        w->nodes[w->order[i]].next = object->first;
        object->first = w->order[i];
    }
    return true;
}

static bool add_node(work *w, uint32_t parent, uint32_t *added)
{
    void *nodes = w->nodes;
    bool ok = grow(&nodes, &w->node_size, w->node_count + 1, sizeof *w->nodes);
    w->nodes = nodes;
    if (!ok)
        return false;
    uint32_t i = *added = (uint32_t)w->node_count++;
    w->nodes[i] = (node){.parent = parent, .next = NONE, .first = NONE, .last = NONE};
    if (parent == NONE)
        return true;
    node *p = &w->nodes[parent];
    if (p->last == NONE)
        p->first = i;
    else
        w->nodes[p->last].next = i;
    p->last = i;
    p->count++;
    return true;
}

static bool is_between(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',' || c == ':';
}

static void skip_between(work *w)
{
    while (w->at < w->end && is_between(*w->at))
        w->at++;
}

static void skip_scalar(work *w)
{
    if (*w->at != '"') {
        while (w->at < w->end && !is_between(*w->at) && *w->at != ']' && *w->at != '}')
            w->at++;
        return;
    }
    w->at = tkr_json_past_string(w->at, w->end);
}

/* One item of its container, with its key; a container becomes the one that is open. */
static bool read_value(work *w, uint32_t *open)
{
    uint32_t i;
    bool member = *open != NONE && w->text[w->nodes[*open].at] == '{';
    if (!add_node(w, *open, &i))
        return false;
    node *n = &w->nodes[i];
    if (member) {
        n->key = (uint32_t)w->keys_used;
        n->key_len = (uint32_t)take_string(w, &w->at, w->keys + w->keys_used);
        w->keys_used += n->key_len;
        skip_between(w);
    }
    n->at = (uint32_t)(w->at - w->text);
    if (*w->at == '{' || *w->at == '[') {
        *open = i;
        w->at++;
    } else {
        skip_scalar(w);
    }
    return true;
}

static bool read_all(work *w)
{
    uint32_t open = NONE;
    bool ok = true;
    for (skip_between(w); ok && w->at < w->end; skip_between(w)) {
        if (*w->at != ']' && *w->at != '}') {
            ok = read_value(w, &open);
            continue;
        }
        ok = *w->at++ == ']' || sort_members(w, &w->nodes[open]);
        open = w->nodes[open].parent;
    }
    return ok;
}

/* ==== Writing */

static bool put_value(work *w, const node *n)
{
    const char *at = w->text + n->at, *end = at;
    if (*at == '{' || *at == '[')
        return put(w, at, 1);
    if (*at == '"') { /* beside the keys: together they are no longer than the text */
        size_t len = take_string(w, &at, w->keys + w->keys_used);
        return put_string(w, w->keys + w->keys_used, len);
    }
    while (end < w->end && !is_between(*end) && *end != ']' && *end != '}')
        end++;
    bool number = *at == '-' || (*at >= '0' && *at <= '9');
    return number ? put_number(w, at, (size_t)(end - at)) : put(w, at, (size_t)(end - at));
}

static bool is_member(const work *w, const node *n)
{
    return n->parent != NONE && w->text[w->nodes[n->parent].at] == '{';
}

static bool write_all(work *w)
{
    for (uint32_t i = 0; i != NONE;) {
        const node *n = &w->nodes[i];
        if (is_member(w, n) && !(put_string(w, w->keys + n->key, n->key_len) && put(w, ":", 1)))
            return false;
        if (!put_value(w, n))
            return false;
        if (n->first != NONE) {
            i = n->first;
            continue;
        }
        for (bool closes = true; closes;) { /* up to the first that has one after it */
            char kind = w->text[w->nodes[i].at];
            if ((kind == '{' || kind == '[') && !put(w, kind == '{' ? "}" : "]", 1))
                return false;
            closes = w->nodes[i].next == NONE;
            i = closes ? w->nodes[i].parent : w->nodes[i].next;
            closes = closes && i != NONE;
        }
        if (i != NONE && !put(w, ",", 1))
            return false;
    }
    return true;
}

tasker_status tkr_json_canonical(tasker_json json, tasker_json_shape shape, tasker_error *error, tasker_text *out)
{
    *out = (tasker_text){NULL, 0};
    tasker_status status = tasker_json_check(json, shape, &tkr_limits_widest, error);
    if (status != TASKER_OK)
        return status;
    work w = {.text = json.ptr, .at = json.ptr, .end = json.ptr + json.len, .keys = malloc(json.len)};
    if (w.keys != NULL && read_all(&w) && write_all(&w))
        *out = (tasker_text){w.out, w.out_used};
    else
        free(w.out);
    free(w.keys);
    free(w.nodes);
    free(w.order);
    return out->ptr != NULL ? TASKER_OK : tkr_error_set(error, TASKER_OUT_OF_MEMORY, "JSON: out of memory");
}
