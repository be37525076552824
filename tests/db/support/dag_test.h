/* SPDX-License-Identifier: MIT */
/* What the tests of graphs share: small graphs with what is known of them, and answers as letters. */
#ifndef TKR_TESTS_DAG_TEST_H
#define TKR_TESTS_DAG_TEST_H

#include "flow_test.h"
#include <tasker/dag.h>

/* A graph of make_flow; roots and leaves as letters, levels and smallest depths as digits in the order of the steps. */
typedef struct known_graph {
    const char *name, *steps, *edges, *roots, *leaves, *levels, *depths;
    const char *of, *ancestors; /* of a step: "b1 c1 a2" is each of its ancestors with its distance */
} known_graph;

extern const known_graph known_graphs[];
extern const size_t known_graph_count;

/* A flow of count steps with these edges, as many as wanted. Steps answers count keys, to be freed. */
tasker_uuid make_graph(tasker_db *db, size_t count, const uint32_t (*edges)[2], size_t edge_count, tasker_uuid **steps);

/* The letter of a step of the flow; '?' for another's. */
char letter_of(const made_flow *flow, tasker_uuid step);

/* The keys as letters, in alphabetical order; static storage, one of the last 16. */
const char *letters_of(const made_flow *flow, tasker_uuids uuids);

/* "a b c" of nodes in their order. The list is freed. */
const char *nodes_as_text(const made_flow *flow, const tasker_step_nodes *nodes);

/* "b1 c1 a2", by distance and, where that is the same, by letter. Each once, ordered by key, or the test fails. */
const char *relatives_as_text(const made_flow *flow, const tasker_step_relatives *relatives);

/* All relatives of a step, as text. */
const char *ancestors_of(tasker_db *db, const made_flow *flow, char letter);
const char *descendants_of(tasker_db *db, const made_flow *flow, char letter);

/* Begins a transaction that is to be rolled back, in which edges of every kind can be stored. */
void begin_without_rules(tasker_db *db);
void insert_edges(tasker_db *db, const made_flow *flow, const char *edges);
void insert_edge(tasker_db *db, tasker_uuid from, tasker_uuid to);

#endif
