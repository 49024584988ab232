# Everything a person runs by hand. `make` alone lists the targets.
.DEFAULT_GOAL := help
.PHONY: help setup demo test check fmt soak lock clean

BIN := .venv/bin
ARGS ?=
TEST_WORKERS ?= 2

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-7s %s\n", $$1, $$2}' Makefile

setup:  ## make .venv with everything, also for development
	@sh deploy/setup.sh dev

demo:  ## sample data on this machine alone: one page leads to everything (ARGS="--reset --port 8000")
	@sh deploy/setup.sh runtime
	@$(BIN)/huifang demo $(ARGS)

test: check  ## check, then all tests (TEST_WORKERS=2, ARGS="-k name")
	@$(BIN)/pytest -n $(TEST_WORKERS) --dist loadgroup $(ARGS)
	@echo "All checks and tests passed."

check:  ## lint, format, types, import directions, migrations
	@sh deploy/setup.sh dev
	@sh deploy/check.sh

fmt:  ## format, and repair what the linter can repair
	@sh deploy/setup.sh dev
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

soak:  ## the long runs
	@sh deploy/setup.sh dev
	@$(BIN)/pytest -m soak $(ARGS)

lock:  ## write requirements*.txt from pyproject.toml (ARGS=--upgrade for newer versions)
	@sh deploy/setup.sh dev
	@$(BIN)/python deploy/lock.py $(ARGS)

clean:  ## remove .venv and caches; data stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis huifang.egg-info
