/* SPDX-License-Identifier: MIT */
/*
 * A way to the server that a test can close: a folder of its own with the name that a server's socket has, which is
 * the real socket, or one where nobody ever answers, or nothing at all.
 */
#ifndef TKR_TESTS_ROAD_H
#define TKR_TESTS_ROAD_H

#include "db_test.h"

typedef struct road {
    char folder[64], socket[96], server[160];
    char conninfo[256];
    int silent; /* the socket where nobody answers */
} road;

/* Skips the test where the server is not reached through a socket in a folder. */
road road_open(const fixture *f);
void road_close(road *r);

/* What stands there from now on; links that are open stay. */
void road_to_server(road *r);
void road_to_silence(road *r);
void road_to_nowhere(road *r);

#endif
