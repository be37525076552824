/* SPDX-License-Identifier: MIT */
#include "campaign.h"
#include <sys/mman.h>
#include <time.h>

bool campaign_read(campaign *c, int argc, char **argv)
{
    *c = (campaign){.name = c->name, .seed = (uint64_t)campaign_now(), .seconds = 300};
    for (int i = 1; i < argc; i++) {
        char *end = NULL;
        double number = i + 1 < argc ? strtod(argv[i + 1], &end) : 0;
        bool known = end != NULL && *end == '\0' && number >= 0;
        if (strcmp(argv[i], "--control") == 0) {
            c->control = true;
            continue;
        }
        if (known && strcmp(argv[i], "--minutes") == 0)
            c->seconds = (int)(number * 60);
        else if (known && strcmp(argv[i], "--seconds") == 0)
            c->seconds = (int)number;
        else if (known && strcmp(argv[i], "--wanted") == 0)
            c->wanted = (long)number;
        else if (known && strcmp(argv[i], "--seed") == 0)
            c->seed = strtoull(argv[i + 1], NULL, 10);
        else
            known = false;
        if (!known) {
            fprintf(stderr, "usage: %s [--minutes N] [--wanted N] [--seed S] [--control]\n", c->name);
            return false;
        }
        i++;
    }
    return true;
}

void *campaign_share(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory != MAP_FAILED ? memory : NULL;
}

void campaign_violation(campaign_tally *tally, const char *format, ...)
{
    long number = atomic_fetch_add(&tally->violations, 1);
    if (number >= (long)COUNT(tally->first))
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(tally->first[number], sizeof tally->first[number], format, arguments);
    va_end(arguments);
    printf("# violation: %s\n", tally->first[number]);
    fflush(stdout);
}

int campaign_end(const campaign *c, const campaign_tally *tally)
{
    bool good = (tally->violations == 0) != c->control;
    printf("1..1\n%s 1 - %s%s: %ld faults, %ld calls, %ld violations, seed %llu\n", good ? "ok" : "not ok", c->name,
           c->control ? ", a rule broken" : "", (long)tally->faults, (long)tally->calls, (long)tally->violations,
           (unsigned long long)c->seed);
    return good ? 0 : 1;
}

char *campaign_read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    size_t size = 1 << 20, read = 0;
    char *text = calloc(1, size);
    if (file != NULL && text != NULL)
        read = fread(text, 1, size - 1, file);
    if (read == 0) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }
    fclose(file);
    return text;
}

uint64_t campaign_draw(uint64_t *seed, uint64_t below)
{
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % below;
}

int64_t campaign_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void campaign_pause(int64_t us)
{
    nanosleep(&(struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000}, NULL);
}
