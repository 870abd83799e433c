# The only entrances. Each target first makes .venv as uv.lock says, if it is not there yet or the lock has changed.
# ARGS are passed on: `make demo ARGS=--smoke`, `make test ARGS="tests/journey -x"`.

SHELL := /bin/sh
BIN := .venv/bin
READY := .venv/.ready
ARGS ?=
# one more than two cores: a fifth of the time tests wait for disks and for processes they have started
WORKERS ?= 3
# The browser that `make browser` brought, where it had to.
PILOTAGE_CHROMIUM ?= $(wildcard $(CURDIR)/.cache/chromium/chromium)
export PILOTAGE_CHROMIUM
# Every command starts processes: without their bytecode each would compile its sources anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format reference bench history evidence browser clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

setup: $(READY) ## make .venv with the versions of uv.lock

$(READY): uv.lock pyproject.toml tools/setup.sh
	@tools/setup.sh

demo: $(READY) ## a retailer's world, live in the terminal (ARGS=--smoke: to an end, headless)
	@$(BIN)/pilotage demo $(ARGS)

test: $(READY) ## run the tests (ARGS are pytest's)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

check: $(READY) ## lint, format, types, imports, tidiness
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/test_tidy.py tests/test_layers.py

format: $(READY) ## rewrite the Python files as `make check` wants them
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

reference: $(READY) ## rewrite docs/predicate-functions.md from the table of functions
	@$(BIN)/python -m tools.reference

bench: $(READY) ## measure speed, print the table of ratios
	@$(BIN)/python -m bench $(ARGS)

history: $(READY) ## record histories of the present kernel version, where there are none yet
	@$(BIN)/python -m tests.histories.record

evidence: $(READY) ## the long runs behind the claims: many seeds, many cases
	@$(BIN)/python -m bench.evidence $(ARGS)

browser: $(READY) ## a Chromium for the tests that look at pages, where the machine has none
	@tools/browser.sh

clean: ## remove everything that was set up or cached
	rm -rf .venv .cache .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
