/* SPDX-License-Identifier: MIT */
#include "uuid/lane.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include "uuid/bytes.h"
#include "uuid/chacha20.h"
#include "uuid/clock.h"
#include "uuid/entropy.h"

#define PAGE_BYTES 4096
#define KEY_LIFETIME TKR_TICKS_PER_SECOND
#define KEY_BYTES (UINT64_C(1) << 20) /* what one seed from the kernel may be stretched to */

_Static_assert(sizeof(tkr_lane) <= PAGE_BYTES, "a lane is one page");
_Static_assert(offsetof(tkr_lane, words) == offsetof(tkr_lane, key) + 32, "one ChaCha20 output fills both");
_Static_assert(TKR_CHACHA20_BYTES == 32 + 8 * TKR_LANE_WORDS, "one ChaCha20 output fills both");

_Thread_local tkr_lane *tkr_lane_here = NULL;

/* Set while the key for the thread's end exists; else every call asks the kernel. */
static _Atomic bool lanes_open = false;
static pthread_key_t thread_end;

/* Set once a page could not be protected: no further lane is opened, those there are go on. */
static _Atomic bool is_refused = false;

static void close_lane(void *page)
{
    tkr_lane_here = NULL;
    munmap(page, PAGE_BYTES);
}

__attribute__((constructor)) static void open_lanes(void)
{
    atomic_store(&lanes_open, pthread_key_create(&thread_end, close_lane) == 0);
}

/* At dlclose: the pages of other threads that live on stay with the process. */
__attribute__((destructor)) static void close_lanes(void)
{
    if (!atomic_exchange(&lanes_open, false)) {
        return;
    }
    if (tkr_lane_here != NULL) {
        close_lane(tkr_lane_here);
    }
    pthread_key_delete(thread_end);
}

static bool protect(void *page)
{
#if defined(MADV_WIPEONFORK) && defined(MADV_DONTDUMP)
    return madvise(page, PAGE_BYTES, MADV_WIPEONFORK) == 0 && madvise(page, PAGE_BYTES, MADV_DONTDUMP) == 0;
#else
    (void)page;
    return false;
#endif
}

static tkr_lane *open_lane(void)
{
    if (!atomic_load(&lanes_open) || atomic_load(&is_refused)) {
        return NULL;
    }
    void *page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        return NULL;
    }
    if (!protect(page)) {
        atomic_store(&is_refused, true);
    } else if (pthread_setspecific(thread_end, page) == 0) {
        tkr_lane_here = page;
        return page;
    }
    munmap(page, PAGE_BYTES);
    return NULL;
}

static tasker_status ask_kernel(tkr_tally *tally, void *bytes, size_t size)
{
    atomic_fetch_add_explicit(&tally->refills, 1, memory_order_relaxed);
    return tkr_entropy_fill(bytes, size) ? TASKER_OK : TASKER_NO_ENTROPY;
}

/* Forgets the key and the words made from it, and takes a new key. On failure the lane is empty. */
static tasker_status seed(tkr_lane *lane, tkr_tally *tally, uint64_t ticks)
{
    lane->expires = 0;
    lane->next = TKR_LANE_WORDS;
    explicit_bzero(lane->words, sizeof(lane->words));
    tasker_status status = ask_kernel(tally, lane->key, sizeof(lane->key));
    if (status == TASKER_OK) {
        lane->spent = 0;
        lane->expires = ticks + KEY_LIFETIME;
    }
    return status;
}

/* One ChaCha20 output: its first 32 bytes are the next key, the others are words to hand out. */
static void stretch(tkr_lane *lane)
{
    uint32_t state[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    memcpy(state + 4, lane->key, sizeof(lane->key));
    lane->next = TKR_LANE_WORDS;
    atomic_signal_fence(memory_order_seq_cst);
    tkr_chacha20(state, (uint8_t *)lane + offsetof(tkr_lane, key));
    explicit_bzero(state, sizeof(state));
    lane->spent += TKR_CHACHA20_BYTES;
    atomic_signal_fence(memory_order_seq_cst);
    lane->next = 0;
}

static tasker_status refill(tkr_lane *lane, tkr_tally *tally, uint64_t ticks)
{
    if (!tkr_lane_is_fresh(lane, ticks) || lane->spent + TKR_CHACHA20_BYTES > KEY_BYTES) {
        tasker_status status = seed(lane, tally, ticks);
        if (status != TASKER_OK) {
            return status;
        }
    }
    lane->clock = ticks;
    stretch(lane);
    return TASKER_OK;
}

tasker_status tkr_lane_draw(tkr_tally *tally, uint64_t ticks, size_t count, uint64_t *words)
{
    tkr_lane *lane = tkr_lane_here != NULL ? tkr_lane_here : open_lane();
    if (lane == NULL) {
        return ask_kernel(tally, words, count * sizeof(*words));
    }
    if (TKR_UNLIKELY(!tkr_lane_is_fresh(lane, ticks))) {
        if (ticks < lane->clock) {
            atomic_fetch_add_explicit(&tally->rollbacks, 1, memory_order_relaxed);
        }
        lane->expires = 0;
        lane->next = TKR_LANE_WORDS;
    }
    lane->clock = ticks;
    for (size_t i = 0; i < count; i++) {
        while (TKR_UNLIKELY((words[i] = tkr_lane_take(lane)) == 0)) {
            tasker_status status = refill(lane, tally, ticks);
            if (status != TASKER_OK) {
                return status;
            }
        }
    }
    return TASKER_OK;
}

tasker_status tkr_lane_draw_timeless(tkr_tally *tally, size_t count, uint64_t *words)
{
    uint64_t ticks;
    if (!tkr_clock_read(&ticks)) {
        return ask_kernel(tally, words, count * sizeof(*words));
    }
    return tkr_lane_draw(tally, ticks, count, words);
}
