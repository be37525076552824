# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Helpers of the scripts beside this file; sourced, never run. Everything said here goes to stderr.

note() { printf '%s\n' "$*" >&2; }

die() {
    note "${0##*/}: $*"
    exit 1
}

can_be_root() { ((EUID == 0)) || command -v sudo >/dev/null; }

# Lets the words after it run as root, or says why they cannot.
as_root() {
    if ((EUID == 0)); then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "root or sudo is needed to run: $*"
    fi
}

# The lock time-out lets two scripts run side by side; no package may ask a question.
apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" </dev/null >/dev/null
}

# Once in a process is enough.
update_package_lists() {
    [[ -n ${package_lists_updated-} ]] || apt_get update
    package_lists_updated=yes
}

# install_packages PACKAGE...: Debian and Ubuntu only.
install_packages() {
    command -v apt-get >/dev/null || die "please install these (Debian names), there is no apt-get here: $*"
    note "installing: $*"
    update_package_lists
    apt_get install -y --no-install-recommends "$@" || die "apt-get could not install: $*"
}

# need WHAT=PACKAGE...: installs the packages whose WHAT, a command or lib:NAME for pkg-config, is missing. Asking
# for the thing and not for the package keeps the scripts usable where it came another way.
need() {
    local pair what missing=()
    for pair in "$@"; do
        what=${pair%%=*}
        case $what in
            lib:*) pkg-config --exists "${what#lib:}" 2>/dev/null || missing+=("${pair#*=}") ;;
            *) command -v "$what" >/dev/null || missing+=("${pair#*=}") ;;
        esac
    done
    ((${#missing[@]} == 0)) || install_packages "${missing[@]}"
}

# What every build of the library wants.
need_build_tools() {
    need gcc=build-essential g++=build-essential pkg-config=pkg-config meson=meson ninja=ninja-build python3=python3
    need lib:libpq=libpq-dev
}

# The package clang only recommends the run-time libraries of its sanitizers; their package has the version in its name.
need_clang() {
    need clang=clang clang++=clang
    local version
    version=$(clang -dumpversion)
    compgen -G "$(clang -print-resource-dir)/lib/linux/libclang_rt.tsan-*.a" >/dev/null ||
        install_packages "libclang-rt-${version%%.*}-dev"
}
