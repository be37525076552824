/* SPDX-License-Identifier: MIT */
#include "hostile_test.h"

enum { DEPTH = 10, ITEMS = 1000, STRING = 10000, BYTES = 1 << 20 }; /* the defaults of a handle */

static char document[BYTES + 64];

char *put_json_string(char *to, const char *text)
{
    *to++ = '"';
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte < 0x20)
            to += sprintf(to, "\\u%04x", byte);
        else {
            if (byte == '"' || byte == '\\')
                *to++ = '\\';
            *to++ = (char)byte;
        }
    }
    *to++ = '"';
    return to;
}

static bool is_array(const parameter *p)
{
    return p->shape == TASKER_JSON_SHAPE_ARRAY;
}

static tasker_text document_to(const char *end)
{
    return (tasker_text){document, (size_t)(end - document)};
}

/* ---- what is stored ---- */

/* Text and key are compared as bytes by the server. */
static void assert_has(stage *s, const parameter *p, tasker_uuid key, const char *text)
{
    char sql[1024];
    const char *how = is_array(p) ? "stored ->> 0 = convert_from($2, 'UTF8')"
                                  : "stored ->> convert_from($2, 'UTF8') = convert_from($2, 'UTF8')";
    snprintf(sql, sizeof sql, "SELECT (%s)::text FROM (SELECT (%s)::jsonb) AS x (stored)", how, p->stored);
    PGresult *result = ask_with(s, sql, text_of(key), T(text));
    bool same = PQntuples(result) == 1 && strcmp(PQgetvalue(result, 0, 0), "true") == 0;
    if (!same)
        print_error("%s: \"%s\" is stored in another way\n", p->name, text);
    PQclear(result);
    assert_true(same);
}

static void assert_loaded(stage *s, const parameter *p, tasker_uuid key)
{
    char sql[1024];
    const void *row = NULL;
    tasker_text loaded;
    if (p->entity == NULL)
        return;
    snprintf(sql, sizeof sql, "SELECT (%s)::text", p->stored);
    PGresult *result = ask_with(s, sql, text_of(key), T(NULL));
    assert_status(s->db, p->entity->get(s->db, &key, &row), TASKER_OK);
    memcpy(&loaded, (const char *)row + p->out, sizeof loaded);
    assert_int_equal(loaded.len, PQgetlength(result, 0, 0));
    assert_memory_equal(loaded.ptr, PQgetvalue(result, 0, 0), loaded.len);
    tasker_free(row);
    PQclear(result);
}

static void check_texts(stage *s, const parameter *p)
{
    for (size_t i = 0; i < hostile_count; i++) {
        char *end = document;
        *end++ = is_array(p) ? '[' : '{';
        end = put_json_string(end, hostile[i]);
        if (!is_array(p)) {
            *end++ = ':';
            end = put_json_string(end, hostile[i]);
        }
        *end++ = is_array(p) ? ']' : '}';
        tasker_uuid key = assert_store(s, p, document_to(end));
        assert_has(s, p, key, hostile[i]);
        assert_loaded(s, p, key);
    }
}

/* ---- documents of a size ---- */

/* A number inside this many containers. */
static tasker_text of_depth(const parameter *p, int depth)
{
    char *end = document;
    for (int i = 0; i < depth; i++)
        end = stpcpy(end, is_array(p) ? "[" : "{\"a\":");
    *end++ = '1';
    for (int i = 0; i < depth; i++)
        *end++ = is_array(p) ? ']' : '}';
    return document_to(end);
}

static tasker_text of_items(const parameter *p, int items)
{
    char *end = document;
    *end++ = is_array(p) ? '[' : '{';
    for (int i = 0; i < items; i++)
        end += sprintf(end, is_array(p) ? "%s%d" : "%s\"%d\":1", i > 0 ? "," : "", i);
    *end++ = is_array(p) ? ']' : '}';
    return document_to(end);
}

static tasker_text of_string(const parameter *p, size_t bytes)
{
    char *end = stpcpy(document, is_array(p) ? "[\"" : "{\"a\":\"");
    memset(end, 'x', bytes);
    return document_to(stpcpy(end + bytes, is_array(p) ? "\"]" : "\"}"));
}

static tasker_text of_bytes(const parameter *p, size_t bytes)
{
    memset(document, ' ', bytes);
    document[0] = is_array(p) ? '[' : '{';
    document[bytes - 1] = is_array(p) ? ']' : '}';
    return (tasker_text){document, bytes};
}

/* The value inside of an array or object, as the parameter wants it. */
static tasker_text around(const parameter *p, const char *value)
{
    return document_to(document + sprintf(document, is_array(p) ? "[%s]" : "{\"a\":%s}", value));
}

static void check_sizes(stage *s, const parameter *p)
{
    assert_store(s, p, of_depth(p, DEPTH));
    assert_store(s, p, of_items(p, ITEMS));
    assert_store(s, p, of_string(p, STRING));
    assert_store(s, p, of_bytes(p, BYTES));
    assert_store(s, p, of_items(p, 0));
    assert_store(s, p, around(p, "1e131071"));
    assert_store(s, p, around(p, "-0.1e-16380"));
    assert_store(s, p, around(p, "\"\\ud83d\\ude80\\u0001\""));
    tasker_uuid key = assert_store(s, p, around(p, is_array(p) ? "1,1" : "1,\"a\":2"));
    assert_loaded(s, p, key);
}

/* ---- what is refused ---- */

/* No JSON, inside a container that would be fine. */
static const char *const broken[] = {
    "",
    "nul",
    "NaN",
    "Infinity",
    "+1",
    "01",
    ".5",
    "1.",
    "1e",
    "0x10",
    "'a'",
    "\"a",
    "\"\t\"",
    "\"\\x\"",
    "\"\\u12\"",
    "1,",
    "[1,]",
    "{\"a\"}",
    "{1:2}",
    "{a:1}",
    "[1 2]",
    "/**/1",
    "true false",
    "]",
    "1}",
    "\"\xFF\"",
    "\"\xC0\x80\"",
    "\"\xED\xA0\x80\"",
    /* what the database cannot hold */
    "\"\\u0000\"",
    "\"\\ud83d\"",
    "\"\\ude80\"",
    "\"\\ud83d\\u0041\"",
    "1e131072",
    "1e999999999999",
    "1e-16384",
};

/* As the server sees it: a document of this shape. */
static bool is_document(const stage *s, const parameter *p, tasker_text text)
{
    static const char sql[] = "SELECT jsonb_typeof(convert_from($2, 'UTF8')::jsonb) WHERE $1 <> ''";
    static const char *const shapes[] = {"object array string number boolean null", "object", "array", "object array"};
    const char *values[] = {"-", text.ptr};
    const int lengths[] = {0, (int)text.len}, formats[] = {0, 1};
    PGresult *result = PQexecParams(s->conn, sql, 2, NULL, values, lengths, formats, 0);
    bool is = PQresultStatus(result) == PGRES_TUPLES_OK && strstr(shapes[p->shape], PQgetvalue(result, 0, 0)) != NULL;
    PQclear(result);
    return is;
}

static void refuse_raw(stage *s, const parameter *p, const tasker_uuid *key, tasker_text text)
{
    if (!is_document(s, p, text))
        assert_refused(s, p->store(s, p, key, text), TASKER_INVALID_ARGUMENT, "%s \"%.*s\"", p->name, (int)text.len,
                       text.ptr);
}

static void refuse_texts(stage *s, const parameter *p, const tasker_uuid *key)
{
    for (size_t i = 0; i < hostile_count; i++)
        refuse_raw(s, p, key, T(hostile[i]));
    for (size_t i = 0; i < malformed_count; i++) {
        refuse_raw(s, p, key, malformed[i]);
        char *end = stpcpy(document, is_array(p) ? "[\"" : "{\"a\":\"");
        memcpy(end, malformed[i].ptr, malformed[i].len);
        refuse_raw(s, p, key, document_to(stpcpy(end + malformed[i].len, is_array(p) ? "\"]" : "\"}")));
    }
    for (size_t i = 0; i < COUNT(broken); i++)
        refuse_raw(s, p, key, around(p, broken[i]));
    static const char *const wrong[] = {"1", "\"a\"", "null", "[]", "{}", "{", "[", "{}{}", "[]]", " "};
    for (size_t i = 0; i < COUNT(wrong); i++)
        refuse_raw(s, p, key, T(wrong[i]));
}

static void check_refusals(stage *s, const parameter *p)
{
    tasker_uuid key = p->prepare(s, p);
#define EXCEEDS(json, what)                                                                                            \
    assert_refused(s, p->store(s, p, &key, json), TASKER_LIMIT_EXCEEDED, "%s of too many %s", p->name, what)
    REFUSALS(s)
    {
        refuse_texts(s, p, &key);
        EXCEEDS(of_depth(p, DEPTH + 1), "levels");
        EXCEEDS(of_depth(p, 100000), "levels");
        EXCEEDS(of_items(p, ITEMS + 1), "items");
        EXCEEDS(of_string(p, STRING + 1), "bytes in a string");
        EXCEEDS(of_bytes(p, BYTES + 1), "bytes");
        EXCEEDS(((tasker_text){"{}", SIZE_MAX}), "bytes");
    }
}

static void check_absent(stage *s, const parameter *p)
{
    const tasker_text clear = TASKER_CLEAR, absent[] = {{NULL, 0}, {NULL, 5}, clear};
    for (size_t i = 0; i < COUNT(absent); i++) {
        bool clears = absent[i].ptr == tasker_clear;
        tasker_uuid key = p->prepare(s, p);
        if (p->absent == ABSENT_IS_REFUSED || (p->absent == ABSENT_KEEPS && clears)) {
            REFUSALS(s)
            assert_refused(s, p->store(s, p, &key, absent[i]), TASKER_INVALID_ARGUMENT, "%s absent[%zu]", p->name, i);
            continue;
        }
        key = assert_store(s, p, absent[i]);
        PGresult *result = ask_with(s, p->stored, text_of(key), T(NULL));
        bool null = PQgetisnull(result, 0, 0) == 1;
        PQclear(result);
        if (p->absent == ABSENT_IS_NULL || (p->absent == ABSENT_KEEPS_AND_CLEARS && clears))
            assert_true(null);
    }
}

void check_json_parameter(stage *s, const parameter *p)
{
    check_texts(s, p);
    check_sizes(s, p);
    check_refusals(s, p);
    check_absent(s, p);
}
