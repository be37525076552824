/* SPDX-License-Identifier: MIT */
#include "tasker/task_annotation.h"
#include "model/cursor.h"
#include "model/many.h"
#include "model/registry.h"
#include "model/transaction.h"
#include "statements.h"
#include "value/text.h"

static const tkr_column columns[] = {
    TKR_COLUMN(tasker_task_annotation, task_annotation_id),
    TKR_COLUMN(tasker_task_annotation, task_uuid),
    TKR_COLUMN(tasker_task_annotation, annotation_type_id),
    TKR_OPTIONAL(tasker_task_annotation, annotation),
    TKR_COLUMN(tasker_task_annotation, created_at),
    TKR_COLUMN(tasker_task_annotation, updated_at),
    TKR_COLUMN(tasker_task_annotation, annotation_type_name),
    TKR_OPTIONAL(tasker_task_annotation, annotation_type_description),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_task_annotation = {"task_annotation", sizeof(tasker_task_annotation), columns};

/* ---- writing ---- */

static void require_type_and_annotation(tkr_call *call, const tasker_task_annotation_input *input)
{
    if (input->annotation_type_id == 0 && tkr_is_absent(input->annotation_type_name.ptr))
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "annotation_type_id or annotation_type_name is required");
    if (tkr_is_absent(input->annotation.ptr))
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "annotation is required");
}

static void add_create_many(tkr_call *call, const tasker_task_annotation_input *inputs, size_t count)
{
    const tasker_uuid *tasks = TKR_EACH(call, inputs, count, task_uuid);
    const int32_t *types = TKR_EACH(call, inputs, count, annotation_type_id);
    const tasker_text *names = TKR_EACH(call, inputs, count, annotation_type_name);
    const tasker_json *annotations = TKR_EACH(call, inputs, count, annotation);
    tkr_require_uuids(call, "task_uuid", tasks, count);
    for (size_t i = 0; i < count && call->status == TASKER_OK; i++) {
        require_type_and_annotation(call, &inputs[i]);
        if (call->status != TASKER_OK)
            tkr_refuse_item(call, i);
    }
    tkr_add_task_annotation_create_many(call, tasks, count, types, count, names, count, annotations, count);
}

/* One is created by the statement for many. */
static tasker_status create(tasker_db *db, const void *inputs, size_t count, void *out)
{
    const tasker_task_annotation_input *input = inputs;
    tkr_call call = tkr_begin(db);
    if (!tkr_check_input(&call, input, TKR_RESERVED(input)))
        return tkr_abandon_for_pointer(&call, out);
    add_create_many(&call, input, count);
    if (call.entered)
        call.error->item = -1;
    return tkr_create_referring(&call, TKR_STATEMENT_task_annotation_create_many__missing, 2, count, true, out);
}

static tasker_status create_many(tasker_db *db, const void *inputs, size_t count, void *out)
{
    const tasker_task_annotation_input *all = inputs;
    tkr_call call = tkr_begin(db);
    if (!TKR_CHECK_INPUTS(&call, all, count))
        return tkr_abandon_for_pointer(&call, out);
    add_create_many(&call, all, count);
    return tkr_create_referring(&call, TKR_STATEMENT_task_annotation_create_many__missing, 2, count, false, out);
}

tasker_status tasker_task_annotation_create(tasker_db *db, const tasker_task_annotation_input *input,
                                            const tasker_task_annotation **out)
{
    return tkr_create_numbered(db, create, input, 1, out);
}

tasker_status tasker_task_annotation_create_many(tasker_db *db, const tasker_task_annotation_input *inputs,
                                                 size_t count, const tasker_task_annotations **out)
{
    return tkr_create_numbered(db, create_many, inputs, count, out);
}

tasker_status tasker_task_annotation_update(tasker_db *db, int64_t task_annotation_id,
                                            const tasker_task_annotation_input *input,
                                            const tasker_task_annotation **out)
{
    tkr_call call = tkr_begin(db);
    if (!tkr_check_input(&call, input, TKR_RESERVED(input)))
        return tkr_abandon_for_pointer(&call, out);
    tkr_refuse_clear(&call, "annotation_type_name", input->annotation_type_name.ptr);
    tkr_refuse_clear(&call, "annotation", input->annotation.ptr);
    tkr_add_task_annotation_update(&call, task_annotation_id, tkr_given(&input->task_uuid),
                                   TKR_IF_NOT_0(input->annotation_type_id), input->annotation_type_name,
                                   input->annotation);
    return tkr_update_numbered(&call, TKR_STATEMENT_task_annotation_get, task_annotation_id, out);
}

tasker_status tasker_task_annotation_delete(tasker_db *db, int64_t task_annotation_id)
{
    tkr_call call = tkr_begin(db);
    tkr_add_task_annotation_delete(&call, task_annotation_id);
    return tkr_delete(&call);
}

tasker_status tasker_task_annotation_delete_for_task(tasker_db *db, const tasker_uuid *task_uuid, int64_t *out)
{
    tkr_call call = tkr_begin(db);
    tkr_add_task_annotation_delete_for_task(&call, task_uuid);
    return tkr_delete_many(&call, out);
}

/* ---- reading ---- */

tasker_status tasker_task_annotation_get(tasker_db *db, int64_t task_annotation_id, const tasker_task_annotation **out)
{
    tkr_call call = tkr_begin(db);
    tkr_add_task_annotation_get(&call, task_annotation_id);
    return tkr_get(&call, out);
}

#define FILTER(f)                                                                                                      \
    (f)->task_uuid, TKR_IF_NOT_0((f)->annotation_type_id), (f)->annotation_type_name, (f)->contains, (f)->path,        \
        (f)->path_count, (f)->equals

static void check_filter(tkr_call *call, const tasker_task_annotation_filter *f)
{
    if ((f->path_count > 0 && f->path != NULL) == tkr_is_absent(f->equals.ptr))
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "path and equals go together");
    tkr_require_texts(call, "path", f->path, f->path_count);
}

tasker_status tasker_task_annotation_query(tasker_db *db, const tasker_task_annotation_filter *filter,
                                           const tasker_page *page, const tasker_task_annotations **out)
{
    tkr_call call = tkr_begin(db);
    tkr_page p = tkr_page_of(&call, page, TKR_ORDERS_OF_KEYED);
    p.numbered = true;
    filter = TKR_FILTER(&call, filter);
    check_filter(&call, filter);
    tkr_add_task_annotation_query(&call, FILTER(filter), TKR_PAGE(p));
    return tkr_query_page(&call, &p, out);
}

tasker_status tasker_task_annotation_stream(tasker_db *db, const tasker_task_annotation_filter *filter,
                                            const tasker_cursor_options *options, tasker_cursor **out)
{
    tkr_call call = tkr_begin_now(db);
    tkr_page p = tkr_page_of_cursor(&call, options, TKR_ORDERS_OF_KEYED);
    p.numbered = true;
    filter = TKR_FILTER(&call, filter);
    check_filter(&call, filter);
    tkr_add_task_annotation_query(&call, FILTER(filter), TKR_PAGE(p));
    return tkr_stream(&call, &p, out);
}

tasker_status tasker_task_annotation_next(tasker_cursor *cursor, const tasker_task_annotation **out)
{
    return tkr_next(cursor, &tkr_entity_task_annotation, out);
}

tasker_status tasker_task_annotation_count(tasker_db *db, const tasker_task_annotation_filter *filter, int64_t *out)
{
    tkr_call call = tkr_begin(db);
    filter = TKR_FILTER(&call, filter);
    check_filter(&call, filter);
    tkr_add_task_annotation_count(&call, FILTER(filter), NULL);
    return tkr_get_count(&call, out);
}

tasker_status tasker_task_annotation_exists(tasker_db *db, const tasker_task_annotation_filter *filter, bool *out)
{
    tkr_call call = tkr_begin(db);
    filter = TKR_FILTER(&call, filter);
    check_filter(&call, filter);
    tkr_add_task_annotation_count(&call, FILTER(filter), &tkr_one);
    return tkr_get_exists(&call, out);
}
