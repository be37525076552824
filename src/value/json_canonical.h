/* SPDX-License-Identifier: MIT */
/*
 * The canonical form of JSON: two texts have the same one exactly when jsonb calls them equal. It is that of RFC 8785,
 * with the difference that numbers keep all their digits (docs/decisions/042-identity.md).
 */
#ifndef TKR_VALUE_JSON_CANONICAL_H
#define TKR_VALUE_JSON_CANONICAL_H

#include "tasker/json.h"

/*
 * OK: *out is the canonical text, from malloc, not terminated. Otherwise a status of tasker_json_check under the
 * widest limits, or OUT_OF_MEMORY, and *out is absent. error may be NULL.
 *
 * Time: n log n in the bytes, for the sorting of keys. Memory: some 30 bytes for each value in the text and two to five
 * times the text.
 */
tasker_status tkr_json_canonical(tasker_json json, tasker_json_shape shape, tasker_error *error, tasker_text *out);

#endif
