#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# install.sh ROOT: installs the library to a temporary prefix, and builds and runs a small program of somebody else's
# against it in each way that is promised. A real prefix and not DESTDIR: pkg-config's relocation breaks libpq's paths.
set -uo pipefail
root=$1
here=$root/tests/install
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
unset LD_LIBRARY_PATH DESTDIR
flags=(-Wall -Wextra -pedantic -Werror)

# check NAME FUNCTION...: one line of TAP; what a failing one prints goes to stderr. A function that lacks something
# returns 77 with the reason as its last line.
number=0 failures=0
check() {
    local name=$1 output status
    shift
    number=$((number + 1))
    output=$("$@" 2>&1) # not followed by ||, which would switch off the set -e inside
    status=$?
    if ((status == 77)) && [[ ${TASKER_TEST_REQUIRE_SERVER-} != 1 ]]; then
        echo "ok $number - $name # SKIP ${output##*$'\n'}"
    elif ((status == 0)); then
        echo "ok $number - $name"
    else
        echo "not ok $number - $name"
        printf '%s:\n%s\n' "$name" "$(tail -n 40 <<<"$output")" >&2 # meson shows this, not the TAP
        failures=$((failures + 1))
    fi
}

has() {
    command -v "$1" >/dev/null || { echo "$1 is missing"; exit 77; }
}

# runs PROGRAM [LIBRARY FOLDER]: it must reach the database and be of the version that was installed.
runs() {
    [[ ${TASKER_TEST_SERVER-} == 1 ]] || { echo "built; no server to run it with (scripts/with-postgres)"; exit 77; }
    local version
    version=$(LD_LIBRARY_PATH=${2-} "$1") || { echo "$1 failed: $version"; exit 1; }
    [[ $version == "$(pkg-config --modversion tasker)" ]] || { echo "it says version $version"; exit 1; }
}

# loads PROGRAM yes|no: whether it wants our shared library.
loads() {
    local found=no
    ! readelf -d "$1" | grep -q 'NEEDED.*libtasker\.so\.0' || found=yes
    [[ $found == "$2" ]] || { readelf -d "$1"; exit 1; }
}

install_prefix() (
    set -e
    meson setup "$work/build" "$root" --prefix="$prefix" --libdir=lib --buildtype=release -Ddefault_library=both \
        -Dtests=disabled -Dtesting=true
    ninja -C "$work/build" install
    for header in "$root"/include/tasker/*.h; do
        [[ -f $prefix/include/tasker/${header##*/} ]] || { echo "not installed: $header"; exit 1; }
    done
    test -L "$prefix/lib/libtasker.so" -a -f "$prefix/lib/libtasker.a"
)

# libpq is our business: a caller links it only with the archive.
pkg_config_is_modest() (
    set -e
    pkg-config --print-errors --exists tasker
    [[ $(pkg-config --libs tasker) != *-lpq* ]]
    [[ $(pkg-config --print-requires-private tasker) == libpq* ]]
    [[ -z $(pkg-config --print-requires tasker) ]]
)

# A database of its own in the server, with the schema put there by the program that users have for it.
schema() (
    set -e
    [[ ${TASKER_TEST_SERVER-} == 1 ]] || { echo "no server (scripts/with-postgres)"; exit 77; }
    [[ -f $root/examples/schema.c ]] || { echo "no examples/schema.c"; exit 77; }
    read -ra parts <<<"$(pkg-config --cflags --libs tasker)"
    "${CC:-cc}" "${flags[@]}" "$root/examples/schema.c" "${parts[@]}" -o "$work/schema"
    LD_LIBRARY_PATH=$prefix/lib "$work/schema" install ""
)

consumer_shared() (
    set -e
    read -ra parts <<<"$(pkg-config --cflags --libs tasker)"
    "${CC:-cc}" -std=c11 "${flags[@]}" "$here/main.c" "${parts[@]}" -o "$work/shared"
    loads "$work/shared" yes
    runs "$work/shared" "$prefix/lib"
)

# Debian's libpq.a cannot be linked alone, so this is what "static" can mean.
consumer_archive() (
    set -e
    read -ra parts <<<"$(pkg-config --cflags tasker) $prefix/lib/libtasker.a $(pkg-config --libs libpq)"
    "${CC:-cc}" -std=c11 "${flags[@]}" "$here/main.c" "${parts[@]}" -pthread -o "$work/archive"
    loads "$work/archive" no
    runs "$work/archive"
)

consumer_cxx() (
    set -e
    has "${CXX:-c++}"
    read -ra parts <<<"$(pkg-config --cflags --libs tasker)"
    "${CXX:-c++}" -std=c++17 "${flags[@]}" -x c++ "$here/main.c" -x none "${parts[@]}" -o "$work/cxx"
    loads "$work/cxx" yes
    runs "$work/cxx" "$prefix/lib"
)

consumer_subproject() (
    set -e
    cp -r "$here/subproject" "$work/subproject"
    cp "$here/main.c" "$work/subproject"
    mkdir "$work/subproject/subprojects"
    ln -s "$root" "$work/subproject/subprojects/tasker"
    meson setup "$work/subproject/build" "$work/subproject" --wrap-mode=forcefallback
    ninja -C "$work/subproject/build"
    runs "$work/subproject/build/consumer"
)

consumer_cmake() (
    set -e
    has cmake
    cp -r "$here/cmake" "$work/cmake"
    cp "$here/main.c" "$work/cmake"
    cmake -S "$work/cmake" -B "$work/cmake/build" -G Ninja
    cmake --build "$work/cmake/build"
    loads "$work/cmake/build/consumer" yes
    runs "$work/cmake/build/consumer" "$prefix/lib"
)

# The factories for tests, and that docs/testing.md shows this very program.
consumer_testing() (
    set -e
    read -ra parts <<<"$(pkg-config --cflags --libs tasker-testing)"
    "${CC:-cc}" -std=c11 "${flags[@]}" "$here/testing.c" "${parts[@]}" -o "$work/testing"
    loads "$work/testing" yes
    diff <(sed -n '/^```c$/,/^```$/p' "$root/docs/testing.md" | sed '1d;$d') <(tail -n +2 "$here/testing.c")
    runs "$work/testing" "$prefix/lib"
)

echo 1..9
check "meson installs to a prefix" install_prefix
[[ -f $prefix/lib/libtasker.so ]] || { echo "Bail out! nothing was installed"; exit 1; }
check "pkg-config asks callers for nothing else" pkg_config_is_modest
# Tests run side by side in one server; each has a database of its own.
if [[ ${TASKER_TEST_SERVER-} == 1 ]] && psql -qc "CREATE DATABASE install_$$" 2>/dev/null; then export PGDATABASE=install_$$; fi
check "examples/schema.c installs the schema" schema
check "shared library" consumer_shared
check "archive with shared libpq" consumer_archive
check "C++" consumer_cxx
check "meson subproject" consumer_subproject
check "CMake through pkg-config" consumer_cmake
check "tests with tasker-testing" consumer_testing
((failures == 0))
