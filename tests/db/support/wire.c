/* SPDX-License-Identifier: MIT */
/* The two functions that libpq talks to sockets with, in place of the C library's. */
#include "wire.h"
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static wire_place armed;
static long left; /* places until it strikes; 0: not armed, or done */
static bool struck, ignoring;
static void (*strike_now)(void *context);
static void *strike_context;
static const void *appendix;
static size_t appendix_size;

void wire_arm(wire_place place, long n, void (*strike)(void *context), void *context)
{
    armed = place;
    strike_now = strike;
    strike_context = context;
    struck = false;
    left = n;
}

bool wire_disarm(void)
{
    left = 0;
    return struck;
}

void wire_append(const void *data, size_t size)
{
    appendix = data;
    appendix_size = size;
}

void wire_ignore(bool ignore)
{
    ignoring = ignore;
}

static bool is_due(wire_place place)
{
    if (ignoring || left == 0 || place != armed || --left > 0)
        return false;
    return struck = true;
}

static void strike(void)
{
    ignoring = true; /* what it sends itself */
    strike_now(strike_context);
    ignoring = false;
}

static ssize_t real_send(int fd, const void *data, size_t size, int flags)
{
    return syscall(SYS_sendto, fd, data, size, flags, NULL, 0);
}

ssize_t send(int fd, const void *data, size_t size, int flags)
{
    bool half = is_due(WIRE_HALF);
    if (half)
        real_send(fd, data, size / 2, flags);
    if (half || is_due(WIRE_UNSENT))
        strike();
    ssize_t sent =
        half ? real_send(fd, (const char *)data + size / 2, size - size / 2, flags) : real_send(fd, data, size, flags);
    if (half && sent >= 0)
        sent += (ssize_t)(size / 2);
    if (sent > 0 && is_due(WIRE_SENT))
        strike();
    return sent;
}

ssize_t recv(int fd, void *data, size_t size, int flags)
{
    ssize_t received = syscall(SYS_recvfrom, fd, data, size, flags, NULL, NULL);
    if (received > 0 && is_due(WIRE_RECEIVED))
        strike();
    if (received > 0 && appendix_size > 0 && size - (size_t)received >= appendix_size) {
        memcpy((char *)data + received, appendix, appendix_size);
        received += (ssize_t)appendix_size;
        appendix_size = 0;
    }
    return received;
}
