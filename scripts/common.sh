# Sourced by the other scripts, which run from the repository's root.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '%s\n' "weir: $*" >&2; }
die() {
    say "$*"
    exit 1
}

# A Python that can make virtual environments, or nothing.
usable_python() {
    local python
    for python in python3 /usr/bin/python3; do
        if "$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            command -v "$python"
            return
        fi
    done
    return 1
}

# make_venv FOLDER REQUIREMENTS [REQUIREMENTS-WITHOUT-DEPENDENCIES]
# Makes a virtual environment once, and again when what it should hold has changed. Wheels only: nothing is built.
make_venv() {
    local folder=$1 with=$2 without=${3:-} python wanted stamp=$1/.holds
    wanted=$(cat $with $without)
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && [ -x "$folder/bin/python" ] && return 0
    python=$(usable_python) || return 1
    rm -rf "$folder"
    mkdir -p "$(dirname "$folder")"
    say "installing into $folder: $(grep -hv '^#' $with $without | tr '\n' ' ')"
    local log=$folder.log
    local pip=("$folder/bin/python" -m pip --disable-pip-version-check --no-input --timeout 20 install --quiet
        --only-binary :all:)
    "$python" -m venv "$folder" >"$log" 2>&1 || return 1
    if grep -q '^[^#]' "$with"; then "${pip[@]}" -r "$with" >>"$log" 2>&1 || return 1; fi
    if [ -n "$without" ]; then "${pip[@]}" --no-deps -r "$without" >>"$log" 2>&1 || return 1; fi
    printf '%s\n' "$wanted" >"$stamp"
}

# Dependencies too do without run-time checks of exclusive access, as Weir's own modules do (Package.swift). Where the toolchain has
# Swift's runtime as an archive it is linked in: calls into it then cost no detour, and the program runs where no Swift is installed.
release_flags=(-Xswiftc -enforce-exclusivity=unchecked)
if [ -f "$(dirname "$(readlink -f "$(command -v swift)")")/../lib/swift_static/linux/libswiftCore.a" ]; then
    release_flags+=(--static-swift-stdlib)
fi

# Builds the release of weir if a source is newer than the last build.
build_release() {
    local stamp=.build/weir-release.stamp started
    weir=.build/release/weir
    if [ -x "$weir" ] && [ -f "$stamp" ] && [ -z "$(find Sources Package.swift -newer "$stamp" -print -quit)" ]; then
        return 0
    fi
    command -v swift >/dev/null || die "Swift is missing. Install Swift 6.2 or newer from swift.org and try again."
    say "building the release; the first time takes several minutes"
    mkdir -p .build
    # Taken before the build: what changes during it is built next time.
    started=$(mktemp .build/stamp.XXXXXX)
    if ! swift build -c release --product weir "${release_flags[@]}"; then
        rm -f "$started"
        die "The build failed; the lines above say where."
    fi
    mv "$started" "$stamp"
}

port_is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
