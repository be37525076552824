/* SPDX-License-Identifier: MIT */
/* The SQL of an installation as text, and the checks of what it is made from. */
#pragma once
#include "statement/call.h"
#include "tasker/schema.h"

/*
 * The third profile is not for callers: what comes of tasker-core's tables when they are adopted. Its text for an
 * installation makes tables as near to tasker-core's as ours come.
 */
#define TKR_SCHEMA_PROFILE_ADOPTED ((tasker_schema_profile)2)

/* "lean", as the version table has it. */
const char *tkr_schema_profile_name(tasker_schema_profile profile);

/* OK, or why not; *why is static. Looks at the options (not NULL) and at a schema's name, ended by NUL. */
tasker_status tkr_schema_check(const tasker_schema_options *options, const char *schema, const char **why);

/*
 * Everything that makes one version, in the order in which it runs; the schema itself comes with the first. framed:
 * with the transaction and the lock around it. malloc'ed; NULL: out of memory.
 */
char *tkr_schema_text(int32_t version, const tasker_schema_options *options, const char *schema_quoted, bool framed);

/* The queue's schema alone. */
char *tkr_schema_text_queue(int32_t version);

/* A version for a comparison: beside the schema, and with the queue's under another name; NULL: without it. */
char *tkr_schema_text_beside(int32_t version, tasker_schema_profile profile, const char *schema_quoted,
                             const char *queue_schema);

/* Everything that puts one version on tables of tasker-core; and what takes all of it back. The same. */
char *tkr_schema_adopt_text(int32_t version, const char *schema_quoted);
char *tkr_schema_unadopt_text(const char *schema_quoted);

/* name in double quotes; malloc'ed; NULL: out of memory. */
char *tkr_quote_identifier(const char *name);
