.PHONY: up test bench

# Builds what is missing, starts everything with a little traffic, prints the address of the page; Ctrl-C stops it.
up:
	cargo build --release -p trivium-cli -p trivium-app -p trivium-lens
	@exec "$${CARGO_TARGET_DIR:-target}/release/trivium" up --traffic

# Format, clippy, docs, unit, integration and end-to-end tests with the real Collector, the page in a real browser.
test:
	@.ci/test

# Measurements, each with its method and last result in bench/.
bench:
	cargo bench -p trivium-telemetry --bench record
	cargo bench -p trivium-lens --bench ingest
