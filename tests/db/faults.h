/* SPDX-License-Identifier: MIT */
/*
 * Faults in what the library calls: the n-th call of a kind fails. The program is linked with --wrap for each of the
 * functions, so only what the library and the test call themselves is hit, nothing inside libpq or cmocka.
 */
#ifndef TKR_TESTS_FAULTS_H
#define TKR_TESTS_FAULTS_H

#include <stdbool.h>

typedef enum fault_kind {
    FAULT_MEMORY, /* malloc and its kin, and the functions of libpq that fail without memory */
    FAULT_POLL,   /* poll fails */
    FAULT_ANSWER, /* an answer whose first column is not binary */
    FAULT_TURN,   /* an answer that nobody asked for */
    FAULT_KINDS
} fault_kind;

/* From now on calls of this kind count, and the n-th (from 1) fails. */
void faults_arm(fault_kind kind, long n);

/* Ends that; whether a call failed. */
bool faults_disarm(void);

/* Blocks of memory and results of libpq that are there now. */
typedef struct fault_balance {
    long blocks, results;
} fault_balance;
extern fault_balance faults_balance;

#endif
