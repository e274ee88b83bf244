#!/usr/bin/env bash
# bench.sh [--quick]: measures Weir beside bare nginx; see docs/performance.md.
source "$(dirname "$0")/common.sh"

scripts/setup.sh bench
build_release
exec "$(usable_python)" Benchmarks/bench.py --weir "$weir" "$@"
