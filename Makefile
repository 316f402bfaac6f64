# Two commands matter: `make run` starts a whole centre with a simulated city, `make test` tests everything.
# Both install what they need, can be run again, and are then quick.

VENV    ?= .venv
BIN     := $(VENV)/bin
PY      := $(BIN)/python
CODE    := app.py dashboard datasource workers layouts callbacks scripts tests

.PHONY: run test test-unit bench check format lint types contracts js lock install install-dev clean help
.DEFAULT_GOAL := help

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'

run: install ## Start everything with a simulated city (PORT=8050 changes the port)
	@exec $(PY) app.py up --demo

test: install-dev ## Install what tests need and run them all
	@scripts/run-tests

test-unit: install-dev ## Only the unit tests (seconds)
	@$(PY) -m pytest tests/unit -q

check: install-dev ## Everything CI runs: format, lint, types, import contracts, all tests
	@$(BIN)/ruff format --check $(CODE)
	@$(MAKE) --no-print-directory lint types contracts
	@$(MAKE) --no-print-directory test

format: install-dev ## Format the code
	@$(BIN)/ruff format $(CODE)
	@$(BIN)/ruff check --fix-only --quiet $(CODE)

lint: install-dev ## Lint
	@$(BIN)/ruff check $(CODE)

types: install-dev ## Check types
	@$(BIN)/mypy

contracts: install-dev ## Check which package may import which
	@$(BIN)/lint-imports --no-cache

js: ## Only the JavaScript tests
	@node --test tests/js/*.test.*js

install: ## Make the environment
	@scripts/with-python scripts/bootstrap.py --venv $(VENV) requirements.txt

install-dev: ## Make the environment for developing, with the browser and servers that tests use
	@scripts/with-python scripts/bootstrap.py --venv $(VENV) --system requirements-dev.txt

bench: install-dev ## Measure: the figures of docs/figures.md (twenty minutes; a quiet machine)
	@$(PY) -m tests.bench.bench_store
	@$(PY) -m tests.bench.bench_hub
	@$(PY) -m tests.bench.bench_spine

lock: install-dev ## Lock the dependencies again (requirements.txt, requirements-dev.txt)
	@$(PY) scripts/lock.py

reference: install ## Write docs/reference.md again
	@$(PY) scripts/write_reference.py

clean: ## Remove the environment and caches; never an instance's state
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.muster*' -prune -exec rm -rf {} +
