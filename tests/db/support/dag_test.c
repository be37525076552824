/* SPDX-License-Identifier: MIT */
#include "dag_test.h"

const known_graph known_graphs[] = {
    {"single", "a", "", "a", "a", "0", "0", "a", ""},
    {"loose", "abc", "", "abc", "abc", "000", "000", "b", ""},
    {"linear", "abcd", "ab bc cd", "a", "d", "0123", "0123", "d", "c1 b2 a3"},
    {"diamond", "abcd", "ab ac bd cd", "a", "d", "0112", "0112", "d", "b1 c1 a2"},
    {"parallel merge", "abcd", "ad bd cd", "abc", "d", "0001", "0001", "d", "a1 b1 c1"},
    {"tree", "abcdefg", "ab ac bd be cf cg", "a", "defg", "0112222", "0112222", "g", "c1 a2"},
    {"mixed", "abcdefg", "ab ac bd cd be cf dg eg fg", "a", "g", "0112223", "0112223", "g", "d1 e1 f1 b2 c2 a3"},
    {"mixed, inner step", "abcdefg", "ab ac bd cd be cf dg eg fg", "a", "g", "0112223", "0112223", "d", "b1 c1 a2"},
    {"short and long way", "abc", "ab bc ac", "a", "c", "012", "011", "c", "a1 b1"},
    {"two parts", "abcde", "ab cd de", "ac", "be", "01012", "01012", "e", "d1 c2"},
    {"layers", "abcdef", "ac ad bc bd ce cf de df", "ab", "ef", "001122", "001122", "f", "c1 d1 a2 b2"},
    {"ladder", "abcdef", "ab bc cd de ef ac bd ce df", "a", "f", "012345", "011223", "f", "d1 e1 b2 c2 a3"},
};
const size_t known_graph_count = COUNT(known_graphs);

tasker_uuid make_graph(tasker_db *db, size_t count, const uint32_t (*edges)[2], size_t edge_count, tasker_uuid **steps)
{
    tasker_step_definition *step = calloc(count, sizeof *step);
    tasker_edge_definition *edge = calloc(edge_count + 1, sizeof *edge);
    char(*names)[24] = calloc(count, sizeof *names);
    *steps = calloc(count, sizeof **steps);
    assert_true(step != NULL && edge != NULL && names != NULL && *steps != NULL);
    for (size_t i = 0; i < count; i++) {
        snprintf(names[i], sizeof names[i], "s%zu", i);
        step[i].name = T(names[i]);
    }
    for (size_t e = 0; e < edge_count; e++)
        edge[e] = (tasker_edge_definition){.from = edges[e][0], .to = edges[e][1]};
    tasker_definition definition = {.name = T(new_name("graph")), .steps = step, .edges = edge};
    definition.step_count = count;
    definition.edge_count = edge_count;
    const tasker_workflow_ids *ids = NULL;
    assert_status(db, tasker_workflow_create(db, &(tasker_workflow_input){.definition = &definition}, &ids), TASKER_OK);
    tasker_uuid task = ids->task_uuid;
    memcpy(*steps, ids->workflow_step_uuids, count * sizeof **steps);
    tasker_free(ids);
    free(step);
    free(edge);
    free(names);
    return task;
}

/* ---- answers as letters ---- */

char letter_of(const made_flow *flow, tasker_uuid step)
{
    for (size_t i = 0; i < flow->count; i++)
        if (tasker_uuid_equal(&flow->steps[i], &step))
            return (char)('a' + i);
    return '?';
}

static char *new_text(void)
{
    static char texts[16][160];
    static unsigned next;
    char *text = texts[next++ % COUNT(texts)];
    text[0] = '\0';
    return text;
}

const char *letters_of(const made_flow *flow, tasker_uuids uuids)
{
    char *text = new_text(), *end = text;
    for (size_t i = 1; i < uuids.count; i++)
        assert_true(tasker_uuid_compare(&uuids.items[i - 1], &uuids.items[i]) < 0);
    for (char letter = '?'; letter <= 'z'; letter++)
        for (size_t i = 0; i < uuids.count; i++)
            if (letter_of(flow, uuids.items[i]) == letter)
                *end++ = letter;
    *end = '\0';
    assert_int_equal(strlen(text), uuids.count);
    return text;
}

const char *nodes_as_text(const made_flow *flow, const tasker_step_nodes *nodes)
{
    char *text = new_text(), *end = text;
    for (size_t i = 0; i < nodes->count; i++)
        end += sprintf(end, "%s%c", i > 0 ? " " : "", letter_of(flow, nodes->items[i]->workflow_step_uuid));
    tasker_free(nodes);
    return text;
}

const char *relatives_as_text(const made_flow *flow, const tasker_step_relatives *relatives)
{
    char *text = new_text(), *end = text;
    for (size_t i = 1; i < relatives->count; i++) {
        const tasker_step_relative *a = relatives->items[i - 1], *b = relatives->items[i];
        assert_true(
            a->distance < b->distance ||
            (a->distance == b->distance && tasker_uuid_compare(&a->workflow_step_uuid, &b->workflow_step_uuid) < 0));
    }
    int32_t farthest = relatives->count > 0 ? relatives->items[relatives->count - 1]->distance : 0;
    for (int32_t distance = 1; distance <= farthest; distance++)
        for (int letter = '?'; letter <= 'z'; letter++)
            for (size_t i = 0; i < relatives->count; i++)
                if (relatives->items[i]->distance == distance &&
                    letter_of(flow, relatives->items[i]->workflow_step_uuid) == letter)
                    end += sprintf(end, "%s%c%d", end > text ? " " : "", letter, distance);
    assert_int_equal(end - text, relatives->count > 0 ? 3 * relatives->count - 1 : 0);
    tasker_free(relatives);
    return text;
}

const char *ancestors_of(tasker_db *db, const made_flow *flow, char letter)
{
    const tasker_step_relatives *list = NULL;
    assert_status(db, tasker_step_relative_list_ancestors(db, &FLOW_STEP(*flow, letter), NULL, &list), TASKER_OK);
    return relatives_as_text(flow, list);
}

const char *descendants_of(tasker_db *db, const made_flow *flow, char letter)
{
    const tasker_step_relatives *list = NULL;
    assert_status(db, tasker_step_relative_list_descendants(db, &FLOW_STEP(*flow, letter), NULL, &list), TASKER_OK);
    return relatives_as_text(flow, list);
}

/* ---- edges that the library would not store ---- */

void begin_without_rules(tasker_db *db)
{
    assert_status(db, tasker_db_begin(db, NULL), TASKER_OK);
    tell(tasker_db_conn(db), "ALTER TABLE tasker_workflow_step_edges DISABLE TRIGGER USER,"
                             " DROP CONSTRAINT IF EXISTS tasker_workflow_step_edges_from_to_unique,"
                             " DROP CONSTRAINT IF EXISTS chk_workflow_step_edges_not_self");
}

void insert_edge(tasker_db *db, tasker_uuid from, tasker_uuid to)
{
    tell(tasker_db_conn(db),
         "INSERT INTO tasker_workflow_step_edges (from_step_uuid, to_step_uuid, name, created_at, updated_at)"
         " VALUES ('%s', '%s', 'provides', now(), now())",
         text_of(from), text_of(to));
}

void insert_edges(tasker_db *db, const made_flow *flow, const char *edges)
{
    for (const char *pair = edges; *pair != '\0'; pair += pair[2] == ' ' ? 3 : 2)
        insert_edge(db, FLOW_STEP(*flow, pair[0]), FLOW_STEP(*flow, pair[1]));
}
