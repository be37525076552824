/* SPDX-License-Identifier: MIT */
#include "row/memory.h"
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

static tkr_head *head_of(void *payload)
{
    return (tkr_head *)payload - 1;
}

void *tkr_alloc(PGresult *result, size_t size)
{
    size_t whole = sizeof(tkr_head) + size;
    tkr_head *head = result != NULL ? PQresultAlloc(result, whole) : malloc(whole);
    if (head == NULL)
        return NULL;
    memset(head, 0, whole);
    head->owner = result;
    head->mark = TKR_MARK_OWNER;
    return head + 1;
}

void tkr_adopt(void *payload, void *other)
{
    if (other == NULL)
        return;
    tkr_head *last = head_of(other);
    while (last->next != NULL)
        last = last->next;
    last->next = head_of(payload)->next;
    head_of(payload)->next = head_of(other);
    head_of(other)->mark = TKR_MARK_ITEM; /* by itself it cannot be released any more */
}

void tasker_free(const void *result)
{
    if (result == NULL)
        return;
    uint64_t mark;
    memcpy(&mark, (const unsigned char *)result - sizeof mark, sizeof mark);
    if (mark != TKR_MARK_OWNER)
        return; /* an item of a list: its list owns it */
    tkr_head *head = (tkr_head *)(uintptr_t)result - 1;
    while (head != NULL) {
        tkr_head *next = head->next;
        head->mark = 0;
        if (head->owner != NULL)
            PQclear(head->owner);
        else
            free(head);
        head = next;
    }
}
