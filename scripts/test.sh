#!/usr/bin/env bash
# test.sh [FILTER]: builds and runs the suite, or the part of it whose names match.
source "$(dirname "$0")/common.sh"

scripts/setup.sh test
make_venv .weir/test-venv Tests/requirements.txt examples/quickstart/requirements.txt ||
    die "The Python packages that the tests use could not be had (.weir/test-venv.log says why)."
# The end-to-end tests run the SDK and the local model's engine with it.
export WEIR_TEST_PYTHON=$PWD/.weir/test-venv/bin/python
command -v swift >/dev/null || die "Swift is missing. Install Swift 6.2 or newer from swift.org and try again."

say "building the tests; from clean this takes several minutes"
swift build --build-tests
say "running the tests"
swift test --skip-build ${1:+--filter "$1"}
