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

# One room at a time: tests that keep a clock or block on sockets must not compete with ten thousand played power losses.
# Rooms with real sockets and processes run their tests one after another.
quick=(ArchitectureTests CoreTests CedarTests PolicyTests ProvidersTests CredentialsTests DialectsTests SettingsTests TokensTests WireTests LedgerTests InvoicesTests DrillTests JournalTests LogTests)
live=(WitnessTests ConsoleTests FleetTests SimulatorTests GatewayTests EndToEndTests)
if [ -n "${1:-}" ]; then
    say "running the tests that match $1"
    exec swift test --skip-build --no-parallel --filter "$1"
fi

failed=()
run() {
    local room=$1
    shift
    say "running $room"
    swift test --skip-build "$@" --filter "^$room\\." || failed+=("$room")
}
for room in "${quick[@]}"; do run "$room"; done
for room in "${live[@]}"; do run "$room" --no-parallel; done

# A new target must not be forgotten here.
for folder in Tests/*Tests; do
    case " ${quick[*]} ${live[*]} " in
    *" ${folder#Tests/} "*) ;;
    *) failed+=("${folder#Tests/}: not in scripts/test.sh") ;;
    esac
done
[ ${#failed[@]} -eq 0 ] || die "Failed: ${failed[*]}"
say "all rooms pass"
