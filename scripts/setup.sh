#!/usr/bin/env bash
# setup.sh build|test|bench: installs the Debian packages that are missing for it. Installs nothing else.
source "$(dirname "$0")/common.sh"

purpose=${1:-build}
needed=()
useful=()

[ -e /usr/include/sqlite3.h ] || needed+=(libsqlite3-dev)
[ -e /usr/include/zlib.h ] || needed+=(zlib1g-dev)
command -v git >/dev/null || needed+=(git)
command -v curl >/dev/null || needed+=(curl)
[ -e /usr/share/zoneinfo/zone.tab ] || needed+=(tzdata)
command -v setpriv >/dev/null || needed+=(util-linux)
if ! usable_python >/dev/null; then
    # Without Python the local model is left out and the rest works; the tests need it.
    if [ "$purpose" = build ]; then useful+=(python3 python3-venv); else needed+=(python3 python3-venv); fi
fi
# Some tests make certificates and speak HTTP/2.
if [ "$purpose" = test ]; then
    command -v openssl >/dev/null || needed+=(openssl)
fi
if [ "$purpose" = bench ]; then
    command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || needed+=(nginx-light)
    command -v wrk >/dev/null || needed+=(wrk)
    command -v cc >/dev/null || needed+=(gcc libc6-dev)
fi
missing=("${needed[@]}" "${useful[@]}")
[ ${#missing[@]} -eq 0 ] && exit 0

without() {
    [ ${#needed[@]} -eq 0 ] && { say "$1 Going on without: ${useful[*]}."; exit 0; }
    die "$1 Missing Debian packages: ${needed[*]}. Install them and try again."
}

command -v apt-get >/dev/null || without "This is not Debian."
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || without "Neither root nor sudo is at hand."
    as_root=(sudo)
    [ -t 0 ] || as_root=(sudo -n)
fi
say "installing Debian packages: ${missing[*]}"

# A package's service must not start because a benchmark wants its program.
policy=/usr/sbin/policy-rc.d
if [ "$purpose" = bench ] && [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
fi
install() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" \
        >/dev/null 2>&1 </dev/null
}
# The lists of packages may be old or not there at all.
install || { "${as_root[@]}" apt-get update -qq >/dev/null 2>&1 </dev/null && install; } ||
    without "Debian's packages could not be installed (offline?)."
