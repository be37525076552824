/* SPDX-License-Identifier: MIT */
/* Cursors: the parameters of a query, kept as they were encoded, and sent again for each batch with its position. */
#pragma once
#include "statement/page.h"
#include "tasker/cursor.h"

/* The page that the options of a cursor ask for. Wrong options refuse the call. */
tkr_page tkr_page_of_cursor(tkr_call *call, const tasker_cursor_options *options, uint32_t offered);

/* Makes a cursor of the one statement that was added; nothing is sent. Gives the handle back. */
tasker_status tkr_stream(tkr_call *call, const tkr_page *page, tasker_cursor **out);

/* The next row into the pointer at out; NULL at the end. */
tasker_status tkr_next(tasker_cursor *cursor, const tkr_entity *entity, void *out);
