# One verb a job. Each sets up what it needs, given Python 3.11+, make and git.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
UV = $(shell command -v uv 2>/dev/null || echo $(BIN)/uv)
# trust what the machine trusts, as pip, git and curl do: many networks have a certificate authority of their own
export UV_SYSTEM_CERTS := true
export UV_NATIVE_TLS := true
# versions and hashes come from requirements.lock; what is asked for, from pyproject.toml
INSTALL = $(UV) pip install --quiet --python $(BIN)/python --constraint requirements.lock

DB ?= sqlite
PORT ?= 5000
DIAG ?= on
REQUIRE ?=
ARGS ?=

.PHONY: help demo test lint format bench differential services lock clean

help: ## list the verbs
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 22

$(BIN)/python:
	@[ -n "$(PYTHON)" ] || { echo "No Python 3.11 or newer was found: install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)
	@command -v uv >/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv

$(VENV)/.demo: pyproject.toml requirements.lock | $(BIN)/python
	@$(INSTALL) --editable '.[demo]'
	@touch $@

$(VENV)/.dev: pyproject.toml requirements.lock | $(BIN)/python
	@$(INSTALL) --editable '.[postgresql,mysql,celery,demo]' --group dev
	@if command -v mariadb_config >/dev/null && command -v cc >/dev/null; then $(INSTALL) --group native-drivers; fi
	@touch $@ $(VENV)/.demo

$(VENV)/.bench: $(VENV)/.dev
	@$(INSTALL) --group bench
	@touch $@

demo: $(VENV)/.demo ## run the demonstration on http://127.0.0.1:5000 (DB=sqlite|postgresql PORT= DIAG=on|off)
	@DIAG=$(DIAG) $(BIN)/python -m flask_diag.demo --db $(DB) --port $(PORT)

test: $(VENV)/.dev ## run the tests (REQUIRE=all: nothing may be skipped; ARGS= for pytest)
	@$(BIN)/python -m pytest $(if $(REQUIRE),--require $(REQUIRE)) $(ARGS)

lint: $(VENV)/.dev ## ruff, mypy, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(VENV)/.dev ## let ruff mend what it can
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

bench: $(VENV)/.bench ## measure beside the peers (ARGS= names one)
	@$(BIN)/python -m benchmarks $(ARGS)

differential: $(VENV)/.dev ## predict and really delete, over thousands of random schemas (DIAG_MANY_GRAPHS= DIAG_SEED= ARGS=)
	@$(BIN)/python -m pytest --slow -m slow -s tests/rules/deletion $(ARGS)

services: ## install the Debian packages that the tests use (as root)
	@tests/services

lock: | $(BIN)/python ## resolve the dependencies anew
	@$(UV) pip compile --quiet --universal --generate-hashes --python-version 3.11 --all-extras \
		--group dev --group native-drivers --group bench pyproject.toml --output-file requirements.lock $(ARGS)

clean: ## remove everything that was made here
	rm -rf $(VENV) .cache .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist build
