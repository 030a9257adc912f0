# Each target does all of its own set-up (Python ≥ 3.11, pip and make are enough to begin with).
.DEFAULT_GOAL := help
.PHONY: help demo run test check bench trust sbom audit lock
PYTHON ?= python3
export PYTHON
python := .venv/bin/python
# What the caller adds: make demo ARGS="--days 400 --drivers 2000", make test ARGS="-n 0 -k p12"
ARGS ?=

help:  ## what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo:  ## the portal with a simulated site whose chargers speak OCPP to it
	@scripts/set-up run
	@exec $(python) main.py demo $(ARGS)

run:  ## the real thing, on an empty SQLite file at first
	@scripts/set-up run
	@exec $(python) main.py $(ARGS)

test:  ## all tests: plain, simulated visitors, real browser, real chargers' messages
	@scripts/set-up dev
	@scripts/set-up browser
	@scripts/set-up postgres
	@scripts/set-up provider
	@$(python) -m pytest -n logical --dist worksteal -rsfE $(ARGS)

check:  ## lint, types, layers
	@scripts/set-up dev
	@$(python) -m ruff check .
	@$(python) -m ruff format --check .
	@$(python) -m mypy
	@$(python) -m pytest -q tests/test_layers.py

bench:  ## measure speed and memory; the report goes to docs/benchmarks.md
	@scripts/set-up dev
	@scripts/set-up browser
	@exec $(python) -m tests.bench $(ARGS)

trust:  ## a board left alone through a brutal hour; ARGS="--minutes 5 --seed 7" for less of it
	@scripts/set-up dev
	@scripts/set-up browser
	@exec $(python) -m tests.trust $(ARGS)

sbom:  ## the bill of materials of a release (CycloneDX), in sbom.json
	@scripts/set-up dev
	@$(python) -m cyclonedx_py requirements requirements.lock --of JSON -o sbom.json
	@echo "sbom.json is written."

audit:  ## ask the advisory databases about each locked package (needs the network)
	@scripts/set-up dev
	@$(python) -m pip_audit --disable-pip --require-hashes --strict -r requirements.lock

lock:  ## resolve the dependencies of pyproject.toml anew into both lock files (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --upgrade -q pyproject.toml -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --upgrade -q --group dev pyproject.toml -c requirements.lock -o requirements-dev.lock
