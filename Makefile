# Weir's commands. Each installs what it needs and says what it installs.

.PHONY: run test soak proofs bench check format clean cedar-corpus

# Starts the quickstart: Weir, a real model on this machine and simulated clouds. Ctrl-C drains and stops all of it.
run:
	@setpriv --pdeathsig TERM -- scripts/run.sh

# The whole suite, real SDK and real model included.
test:
	@scripts/test.sh

# The suites that take longer: WEIR_SOAK=1 makes them run their full length.
soak:
	@WEIR_SOAK=1 scripts/test.sh Soak

# Proofs, differences and compiled policies against going through calls by hand, at length: see docs/proof.md.
proofs:
	@WEIR_LONG=20 swift test -c release -Xswiftc -enable-testing --filter "Proof|PolicyDiff|Agreement"

# Weir beside bare nginx. BENCH=--quick takes two minutes instead of ten.
bench:
	@scripts/bench.sh $(BENCH)

# The policy language's public tests, of this repository or of any folder: make cedar-corpus DIR=…
cedar-corpus:
	@swift run --quiet cedar-corpus "$(or $(DIR),Tests/Cases/cedar/corpus)"

# Formatting, and every import against its room's list.
check:
	@scripts/check.sh

format:
	@swift format format --in-place --parallel --recursive Sources Tests Benchmarks Package.swift

# Leaves the ledger in .weir alone.
clean:
	rm -rf .build .weir/venv .weir/test-venv .weir/bench
