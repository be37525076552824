/* SPDX-License-Identifier: MIT */
/* The library as a plug-in's dependency: loaded, used, unloaded, a thousand times. Argument: the shared library. */
#include "unit.h"

#include <dlfcn.h>

#include "tasker/uuid.h"

typedef tasker_status (*generate_function)(tasker_uuid *out);

static const char *path;

static size_t mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    size_t lines = 0;
    assert_non_null(maps);
    for (int c = fgetc(maps); c != EOF; c = fgetc(maps)) {
        lines += c == '\n';
    }
    fclose(maps);
    return lines;
}

static void load_and_use(size_t times)
{
    for (size_t i = 0; i < times; i++) {
        void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (library == NULL) {
            fail_msg("%s", dlerror());
        }
        void *symbol = dlsym(library, "tasker_uuid_generate");
        assert_non_null(symbol);
        generate_function generate;
        memcpy(&generate, &symbol, sizeof(generate));
        tasker_uuid uuid = {{0}};
        assert_int_equal(generate(&uuid), TASKER_OK);
        assert_int_equal(uuid.bytes[6] >> 4, 7);
        assert_int_equal(dlclose(library), 0);
    }
}

static void loaded_often(void **state)
{
    (void)state;
    void *libpq = dlopen("libpq.so.5", RTLD_NOW); /* stays, it is not what is tested */
    load_and_use(10);
    size_t before = mappings();
    load_and_use(in_valgrind() ? 10 : 1000);
    if (!in_valgrind()) {
        assert_in_range(mappings(), before - MAPPINGS_OF_OTHERS, before + MAPPINGS_OF_OTHERS);
    }
    if (libpq != NULL) {
        dlclose(libpq);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loaded_often),
    };
    path = argc > 1 ? argv[1] : "libtasker.so";
    return cmocka_run_group_tests_name("uuid dlopen", tests, NULL, NULL);
}
