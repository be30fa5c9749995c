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

BUGSINK := .cache/bugsink
DB ?= sqlite
PORT ?= 5000
DIAG ?= on
JOBS ?= auto
REQUIRE ?=
ARGS ?=

.PHONY: help demo test lint format bench metrics reference docs docs-run dist new-rule translations screenshots differential drills soak bugsink services lock clean fuzz test-matrix installs first-hour

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

test: $(VENV)/.dev ## run the tests (REQUIRE=all: nothing may be skipped; JOBS= at once; ARGS= for pytest)
	@$(BIN)/python -m pytest $(if $(filter-out 1,$(JOBS)),-n $(JOBS) --dist loadfile --no-loadscope-reorder) $(if $(REQUIRE),--require $(REQUIRE)) $(ARGS)

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

metrics: $(VENV)/.dev ## write docs/metrics.md from the catalogue
	@$(BIN)/python -m diag_exporters._metrics_page > docs/metrics.md

translations: $(VENV)/.dev ## bring the catalogues of the pages' words up to date
	@$(BIN)/python -m flask_diag._pages._catalogue

screenshots: $(VENV)/.dev ## take the pictures of docs/screenshots anew (needs the Chromium of make services)
	@cd tests && ../$(BIN)/python -m diag.browser._screenshots ../docs/screenshots

reference: $(VENV)/.dev metrics ## write the pages of docs/reference from the code
	@$(BIN)/python -m tools.reference

docs: $(VENV)/.dev ## build the documentation into build/site, any warning is an error (ARGS=serve shows it while you write)
	@NO_MKDOCS_2_WARNING=1 DISABLE_MKDOCS_2_WARNING=true $(BIN)/mkdocs $(or $(ARGS),build --quiet --strict)

docs-run: $(VENV)/.dev ## run every block of every page, the translations too
	@$(BIN)/python -m pytest --slow tests/docs $(ARGS)

dist: $(VENV)/.dev ## build wheel and sdist into dist, and check what is in them
	@rm -rf dist && $(UV) build --quiet --python $(BIN)/python
	@$(BIN)/check-wheel-contents dist/*.whl
	@$(BIN)/twine check --strict dist/*
	@$(BIN)/python -m pytest -q tests/packaging/test_distribution.py

new-rule: $(VENV)/.dev ## scaffold a rule of the audit (NAME=a-pattern SEVERITY=) or the errors of a database (DATABASE=name)
	@$(BIN)/python -m tools.scaffold $(if $(DATABASE),database $(DATABASE),rule $(NAME) $(or $(SEVERITY),warning))

differential: $(VENV)/.dev ## predict and really delete, over thousands of random schemas (DIAG_MANY_GRAPHS= DIAG_SEED= ARGS=)
	@$(BIN)/python -m pytest --slow -m slow -s tests/rules/deletion $(ARGS)

drills: $(VENV)/.dev ## break real servers in every way, and measure with and without (as root for networks and full disks; ARGS=)
	@$(BIN)/python -m pytest --slow -s --ignore tests/drills/test_soak.py tests/drills $(ARGS)

soak: $(VENV)/.dev ## a million incidents, and what memory they take (DIAG_SOAK= for another number)
	@$(BIN)/python -m pytest --slow -q tests/drills/test_soak.py $(ARGS)

$(BUGSINK)/.made: tests/bugsink.txt | $(BIN)/python
	@$(BIN)/python -m venv $(BUGSINK)
	@$(BUGSINK)/bin/python -m pip install --quiet --disable-pip-version-check --requirement tests/bugsink.txt
	@touch $@

bugsink: $(VENV)/.dev $(BUGSINK)/.made ## send Sentry's events to a real server of its protocol (ARGS= for pytest)
	@$(BIN)/python -m pytest --slow --require all tests/diag/test_bugsink.py $(ARGS)

fuzz: $(VENV)/.dev ## look for texts, requests and commands that break something, always new ones (DIAG_FUZZ= times as long as in make test, ARGS=)
	@DIAG_FUZZ=$(or $(DIAG_FUZZ),50) $(BIN)/python -m pytest --db sqlite --timeout 0 tests/fuzz $(ARGS)

test-matrix: $(VENV)/.dev ## the quick tests on each Python, SQLAlchemy, and the lowest and newest dependencies (DB= databases, ARGS="--only py3.13 -- tests/...")
	@cd tests && ../$(BIN)/python -m matrix $(if $(filter-out sqlite,$(DB)),$(foreach name,$(DB),--db $(name))) $(ARGS)

installs: $(VENV)/.dev ## install the wheel, with each extra, into new environments on each Python that is here (ARGS=)
	@$(BIN)/python -m pytest --slow tests/packaging/test_installs.py $(ARGS)

first-hour: $(VENV)/.dev ## attach flask-diag to applications of others, from PyPI, as somebody new would (some minutes; ARGS=)
	@$(BIN)/python -m pytest --slow -s tests/packaging/test_first_hour.py $(ARGS)

services: ## install the Debian packages that the tests use (as root)
	@tests/services

lock: | $(BIN)/python ## resolve the dependencies anew
	@$(UV) pip compile --quiet --universal --generate-hashes --python-version 3.11 --all-extras \
		--group dev --group native-drivers --group bench pyproject.toml --output-file requirements.lock $(ARGS)

clean: ## remove everything that was made here
	rm -rf $(VENV) .cache .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist build
