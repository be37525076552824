/* SPDX-License-Identifier: MIT */
/*
 * Every text and JSON of every input of an entity, through each verb that takes it. A new one is one line of a table.
 */
#include "hostile_test.h"

ENTITY(task_namespace, it->name = T(new_name("plain")))
VERB(task_namespace, find_or_create)
VERB_MANY(task_namespace)
VERB_UPDATE(task_namespace)
ENTITY(dependent_system, it->name = T(new_name("plain")))
VERB(dependent_system, find_or_create)
VERB_MANY(dependent_system)
VERB_UPDATE(dependent_system)
ENTITY(named_task, it->task_namespace_uuid = s->task_namespace_uuid; it->name = T(new_name("plain")))
VERB(named_task, find_or_create)
VERB_UPDATE(named_task)
ENTITY(named_step, it->dependent_system_uuid = s->dependent_system_uuid; it->name = T(new_name("plain")))
VERB(named_step, find_or_create)
VERB_MANY(named_step)
VERB_UPDATE(named_step)
ENTITY(task, it->named_task_uuid = s->named_task_uuid)
VERB_UPDATE(task)
ENTITY(workflow_step, it->task_uuid = s->flow.task_uuid; it->named_step_uuid = s->named_step_uuid)
VERB_UPDATE(workflow_step)
ENTITY(workflow_step_edge, it->from_step_uuid = FLOW_STEP(s->flow, 'a'); it->to_step_uuid = FLOW_STEP(s->flow, 'b'))
VERB(workflow_step_edge, find_or_create)

static const parameter texts[] = {
    UNIQUE_MEMBER(task_namespace, create, name, 64, ABSENT_IS_REFUSED),
    UNIQUE_MEMBER(task_namespace, create_many, name, 64, ABSENT_IS_REFUSED),
    UNIQUE_MEMBER(task_namespace, find_or_create, name, 64, ABSENT_IS_REFUSED),
    UNIQUE_MEMBER(task_namespace, update, name, 64, ABSENT_KEEPS),
    MEMBER(task_namespace, create, description, 255, ABSENT_IS_NULL),
    MEMBER(task_namespace, create_many, description, 255, ABSENT_IS_NULL),
    MEMBER(task_namespace, find_or_create, description, 255, ABSENT_IS_NULL),
    MEMBER(task_namespace, update, description, 255, ABSENT_KEEPS_AND_CLEARS),
    UNIQUE_MEMBER(dependent_system, create, name, 64, ABSENT_IS_REFUSED),
    UNIQUE_MEMBER(dependent_system, find_or_create, name, 64, ABSENT_IS_REFUSED),
    UNIQUE_MEMBER(dependent_system, create_many, name, 64, ABSENT_IS_REFUSED),
    UNIQUE_MEMBER(dependent_system, update, name, 64, ABSENT_KEEPS),
    MEMBER(dependent_system, create_many, description, 255, ABSENT_IS_NULL),
    MEMBER(dependent_system, update, description, 255, ABSENT_KEEPS_AND_CLEARS),
    MEMBER(dependent_system, create, description, 255, ABSENT_IS_NULL),
    MEMBER(dependent_system, find_or_create, description, 255, ABSENT_IS_NULL),
    UNIQUE_MEMBER(named_task, create, name, 64, ABSENT_IS_REFUSED),
    UNIQUE_MEMBER(named_task, find_or_create, name, 64, ABSENT_IS_REFUSED),
    UNIQUE_MEMBER(named_task, update, name, 64, ABSENT_KEEPS),
    MEMBER(named_task, create, version, 16, ABSENT_IS_DEFAULT),
    MEMBER(named_task, find_or_create, version, 16, ABSENT_IS_DEFAULT),
    MEMBER(named_task, update, version, 16, ABSENT_KEEPS),
    MEMBER(named_task, create, description, 255, ABSENT_IS_NULL),
    MEMBER(named_task, find_or_create, description, 255, ABSENT_IS_NULL),
    MEMBER(named_task, update, description, 255, ABSENT_KEEPS_AND_CLEARS),
    UNIQUE_MEMBER(named_step, create, name, 128, ABSENT_IS_REFUSED),
    UNIQUE_MEMBER(named_step, create_many, name, 128, ABSENT_IS_REFUSED),
    UNIQUE_MEMBER(named_step, find_or_create, name, 128, ABSENT_IS_REFUSED),
    UNIQUE_MEMBER(named_step, update, name, 128, ABSENT_KEEPS),
    MEMBER(named_step, create, description, 255, ABSENT_IS_NULL),
    MEMBER(named_step, create_many, description, 255, ABSENT_IS_NULL),
    MEMBER(named_step, find_or_create, description, 255, ABSENT_IS_NULL),
    MEMBER(named_step, update, description, 255, ABSENT_KEEPS_AND_CLEARS),
    MEMBER(task, create, initiator, 128, ABSENT_IS_NULL),
    MEMBER(task, create, source_system, 128, ABSENT_IS_NULL),
    MEMBER(task, create, reason, 128, ABSENT_IS_NULL),
    MEMBER(task, create, reference_id, 255, ABSENT_IS_NULL),
    MEMBER(task, update, initiator, 128, ABSENT_KEEPS_AND_CLEARS),
    MEMBER(task, update, source_system, 128, ABSENT_KEEPS_AND_CLEARS),
    MEMBER(task, update, reason, 128, ABSENT_KEEPS_AND_CLEARS),
    MEMBER(task, update, reference_id, 255, ABSENT_KEEPS_AND_CLEARS),
    MEMBER(workflow_step, create, reference_id, 255, ABSENT_IS_NULL),
    MEMBER(workflow_step, update, reference_id, 255, ABSENT_KEEPS_AND_CLEARS),
    UNIQUE_MEMBER(workflow_step_edge, create, name, 0, ABSENT_IS_DEFAULT),
    UNIQUE_MEMBER(workflow_step_edge, find_or_create, name, 0, ABSENT_IS_DEFAULT),
};

static const parameter documents[] = {
    JSON_MEMBER(named_task, create, configuration, ANY, ABSENT_IS_DEFAULT),
    JSON_MEMBER(named_task, find_or_create, configuration, ANY, ABSENT_IS_DEFAULT),
    JSON_MEMBER(named_task, update, configuration, ANY, ABSENT_KEEPS),
    JSON_MEMBER(task, create, context, OBJECT, ABSENT_IS_NULL),
    JSON_MEMBER(task, create, tags, CONTAINER, ABSENT_IS_NULL),
    JSON_MEMBER(task, create, bypass_steps, ARRAY, ABSENT_IS_NULL),
    JSON_MEMBER(task, update, context, OBJECT, ABSENT_KEEPS_AND_CLEARS),
    JSON_MEMBER(task, update, tags, CONTAINER, ABSENT_KEEPS_AND_CLEARS),
    JSON_MEMBER(task, update, bypass_steps, ARRAY, ABSENT_KEEPS_AND_CLEARS),
    JSON_MEMBER(workflow_step, create, inputs, ANY, ABSENT_IS_NULL),
    JSON_MEMBER(workflow_step, update, inputs, ANY, ABSENT_KEEPS_AND_CLEARS),
};

static void test_texts(void **state)
{
    for (size_t i = 0; i < COUNT(texts); i++)
        check_text_parameter(stage_of(state), &texts[i]);
}

static void test_documents(void **state)
{
    for (size_t i = 0; i < COUNT(documents); i++)
        check_json_parameter(stage_of(state), &documents[i]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(test_texts), cmocka_unit_test(test_documents)};
    return db_test_run(tests);
}
