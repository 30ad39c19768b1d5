.PHONY: up down test secrets bench bench-service bench-agent bench-lens bench-load bench-scale

TARGET := $${CARGO_TARGET_DIR:-target}

# The agent is for Linux only.
AGENT := $(if $(filter Linux,$(shell uname -s)),-p trivium-agent)

# Builds what is missing, starts everything with a little traffic, prints the address of the page; Ctrl-C stops it.
up:
	cargo build --release -p trivium-cli -p trivium-app -p trivium-lens $(AGENT)
	@exec "$(TARGET)/release/trivium" up --traffic

# Stops what `make up`, or `trivium up -d`, started.
down:
	@"$(TARGET)/release/trivium" down

# The token, keys, passwords and certificates of the full stack on compose, below compose/secrets; those that are there stay.
secrets:
	@compose/make-secrets

# Format, clippy, docs, unit, integration and end-to-end tests with the real Collector, the page in a real browser.
test:
	@.ci/test

# Measurements, each with its method and last result in bench/.
bench: bench-service bench-agent bench-lens bench-load
	cargo bench -p trivium-telemetry --bench record
	cargo bench -p trivium-telemetry --bench queue
	cargo bench -p trivium-lens --bench ingest

# The service without and with telemetry, beside the seed's FastAPI service; about six minutes after the builds.
bench-service:
	cargo build --release -p trivium-app -p trivium-bench
	test -x "$(TARGET)/fastapi/bin/python" || python3 -m venv "$(TARGET)/fastapi"
	"$(TARGET)/fastapi/bin/pip" install --quiet --requirement bench/peers/fastapi/requirements.txt
	"$(TARGET)/release/trivium-bench" --python "$(TARGET)/fastapi/bin/python" --programs "$(TARGET)/release" --write

# The agent beside the Collector, rotel and, where it is installed (or FLUENT_BIT names it), Fluent Bit: about an hour.
# ARGUMENTS='--full' has the outage of 30 minutes and 5 GiB.
FLUENT_BIT ?= $(shell command -v fluent-bit)
bench-agent:
	cargo build --release -p trivium-agent -p trivium-bench-agent
	test -x "$(TARGET)/rotel/bin/python" || python3 -m venv "$(TARGET)/rotel"
	"$(TARGET)/rotel/bin/pip" install --quiet --requirement bench/peers/rotel/requirements.txt
	"$(TARGET)/release/trivium-bench-agent" run --agent "$(TARGET)/release/trivium-agent" \
		--collector "$$(bench/peers/otelcol-0149/build)" \
		--rotel "$(TARGET)"/rotel/lib/python*/site-packages/rotel/rotel-agent \
		$(addprefix --fluent-bit ,$(FLUENT_BIT)) --write $(ARGUMENTS)

# lens at size, and beside otelite, Zipkin and Prometheus where OTELITE, ZIPKIN and PROMETHEUS name them: about eight minutes after the builds.
OTELITE ?= $(shell command -v otelite)
PROMETHEUS ?= $(shell command -v prometheus)
bench-lens:
	cargo bench -p trivium-lens --bench peers -- --logs 200000 --series 1000 $(addprefix --otelite ,$(OTELITE)) \
		$(addprefix --zipkin ,$(ZIPKIN)) $(addprefix --prometheus ,$(PROMETHEUS))
	cargo bench -p trivium-lens --bench peers -- --pages --times 10 --spans 1000000 --logs 1000000 --series 5000

# What one app and one Collector carry, and how long a request takes to be visible at half of it: about four minutes after the builds.
bench-load:
	cargo build --release -p trivium-cli -p trivium-app -p trivium-lens $(AGENT)
	bench/load/run --programs "$(TARGET)/release" --write

# The sizes and the cost of each hop that docs/scale.md counts with.
bench-scale:
	cargo build --release -p trivium-cli -p trivium-app -p trivium-lens $(AGENT)
	bench/scale/measure "$(TARGET)/release"
