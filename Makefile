# One vocabulary: run, check, test, bench.

SERVERS := target/test-servers
AIMOCK := $(CURDIR)/$(SERVERS)/node_modules/@copilotkit/aimock/dist/cli.js

.PHONY: run check test bench servers

## Runs the quickstart job offline, and says where its records are.
run:
	cargo run --quiet --features cli -- run examples/jobs/quickstart.yaml

## Format, lints and documentation, warnings denied; and that the fuzz targets compile.
check:
	cargo fmt --check
	cargo clippy --all-targets --all-features --quiet -- -D warnings
	cargo clippy --all-targets --no-default-features --quiet -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --all-features --quiet
	CARGO_TARGET_DIR="$(CURDIR)/target" cargo check --quiet --manifest-path fuzz/Cargo.toml --no-default-features

## Everything that CI runs.
test: check servers
	DUOLOGUE_TEST_AIMOCK="$(AIMOCK)" cargo test --all-features
	cargo test --no-default-features
	for feature in http cli otel mcp audit; do cargo check --quiet --no-default-features --features $$feature --all-targets || exit 1; done
	$(MAKE) --no-print-directory run

## Puts what the tests start and the repository does not contain into target/; see .ci/servers.
servers:
	for install in .ci/servers/*; do $$install "$(SERVERS)" || exit 1; done

## Speed; benches/README.md says how to read it.
bench:
	cargo bench --all-features
