# Everything runs from .venv, which `make setup` builds from the locked, hashed requirements.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
PYTHON := $(VENV)/bin/python
STAMP := $(VENV)/.installed
BASE_PYTHON ?= python3
ARGS ?=

.PHONY: help setup test lint format bench chaos demo lock

help: ## This list
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## /\1|/' | column -t -s '|'

setup: $(STAMP) ## Build .venv from the locked requirements (quick when nothing changed)

$(STAMP): requirements/runtime.txt requirements/dev.txt
	@$(BASE_PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; name one: make setup BASE_PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(PYTHON) || $(BASE_PYTHON) -m venv $(VENV) \
	  || { echo "python3 -m venv does not work here; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $(STAMP)

# Compiled files are kept here even where the environment says not to: each process would rewrite all tests anew.
test: export PYTHONDONTWRITEBYTECODE :=
test: setup ## Run the tests against real, local servers: make test ARGS='-k inbox'
	$(PYTHON) -m pytest --numprocesses 4 --dist worksteal $(ARGS)

lint: setup ## Format check, ruff, mypy --strict, import contracts
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy .
	$(VENV)/bin/lint-imports

format: setup ## Format and fix what can be fixed
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

bench: setup ## Measure the budgets
	$(PYTHON) -m bench $(ARGS)

LONG_PROOFS := workflows/test_moving workflows/test_parity workflows/test_backlog workflows/test_life activities/test_interleavings

chaos: setup ## The long proofs: kill workers 200 times while they send, and what tests/long_numbers.py counts
	$(PYTHON) -m tests.chaos $(ARGS)
	LONG_PROOFS=1 $(PYTHON) -m pytest -q $(LONG_PROOFS:%=tests/%.py)

demo: setup ## Show what it does, on an embedded stack
	$(PYTHON) starter.py demo $(ARGS)

lock: ## Renew requirements/*.txt from pyproject.toml (needs uv)
	@command -v uv >/dev/null || { echo "uv is needed: pip install uv" >&2; exit 1; }
	uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
	  --no-emit-index-url --no-header --output-file requirements/runtime.txt
	uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
	  --no-emit-index-url --no-header --group dev --constraint requirements/runtime.txt --output-file requirements/dev.txt
