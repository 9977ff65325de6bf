# Everything a developer does here, and what CI does: `make help`. Needs Python (3.10 or newer) and make; each target sets up
# its own environment in .venv the first time.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
PYTHON := python
endif
DEMO := examples/flights
MPLBACKEND ?= Agg
export MPLBACKEND
export PYTHONHASHSEED ?= 0

.DEFAULT_GOAL := help
.PHONY: help dev demo demo-spark test test-browser test-quick test-spark lint bench bench-quick bench-spark docs trust-table audit clean

help:  ## this list
	@grep -E '^[a-z-]+:.*## ' Makefile | sort | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

# -- the environment: two stamps, so that the demo needs no linters and a second call costs nothing
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.10 or newer is needed, this is " + sys.version.split()[0] + "; try: make PYTHON=python3.12") if sys.version_info < (3, 10) else None'
	$(PYTHON) -m venv $(VENV)
	-$(BIN)/python -m pip install --quiet uv
	@touch $@

$(VENV)/.demo: pyproject.toml $(VENV)/.made
	@if [ -x $(BIN)/uv ]; then $(BIN)/uv pip install --quiet --python $(BIN)/python -e '.[demo]'; \
	else $(BIN)/python -m pip install --quiet -e '.[demo]'; fi
	@PYTHONDONTWRITEBYTECODE= $(BIN)/yamlflow validate $(DEMO)/flights.pipeline.yaml >/dev/null  # uv leaves bytecode to the first start
	@touch $@

$(VENV)/.dev: $(VENV)/.demo
	@if [ -x $(BIN)/uv ]; then $(BIN)/uv pip install --quiet --python $(BIN)/python --group dev; \
	else $(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1' && $(BIN)/python -m pip install --quiet --group dev; fi
	@touch $@

$(VENV)/.browser: $(VENV)/.dev
	@if [ -x $(BIN)/uv ]; then $(BIN)/uv pip install --quiet --python $(BIN)/python --group browser; \
	else $(BIN)/python -m pip install --quiet --group browser; fi
	@touch $@

$(VENV)/.spark: pyproject.toml $(VENV)/.dev
	@if [ -x $(BIN)/uv ]; then $(BIN)/uv pip install --quiet --python $(BIN)/python -e '.[spark]'; \
	else $(BIN)/python -m pip install --quiet -e '.[spark]'; fi
	@touch $@

dev: $(VENV)/.dev  ## the environment for working on yamlflow_nb (.venv)
	@echo "ready: $(BIN)"

# -- use it
demo: $(VENV)/.demo  ## run the flights pipeline on real data and say where its results are
	@$(BIN)/python -m examples.flights.show

demo-spark: $(VENV)/.spark  ## the year on Spark, its worst month by a sub-pipeline, then a person approves; brings its own Java
	@$(BIN)/yamlflow run $(DEMO)/year.pipeline.yaml || test $$? -eq 3  # it waits for you

# -- check it
lint: $(VENV)/.dev  ## ruff, mypy --strict, the walls between the rooms
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint test-browser test-spark  ## everything: lint, unit and runtime tests, notebooks, docs, trust table, browser, Spark
	$(BIN)/python -m pytest -q --ignore=tests/browser --ignore=tests/spark
	YAMLFLOW_STORE="$$(mktemp -d)/store.db" $(BIN)/python -m pytest -q -c pyproject.toml --rootdir . --nbval-lax --nbval-current-env notebooks --ignore=notebooks/spark.ipynb
	$(BIN)/python -m tests.trust_table
	-$(BIN)/python -m tests.audit

test-quick: $(VENV)/.dev  ## the fast part of the tests (at most two minutes)
	YAMLFLOW_TESTS=quick $(BIN)/python -m pytest -q -x -m 'not slow' --ignore=tests/browser --ignore=tests/spark

test-browser: $(VENV)/.browser  ## the cell in a real JupyterLab, in a Chromium that this brings where there is none
	YAMLFLOW_CHROMIUM="$$($(BIN)/python -m tests.browser.provide_chromium)" $(BIN)/python -m pytest -q tests/browser

test-spark: $(VENV)/.spark  ## tasks on Spark and on a Spark Connect server, with a Java that this brings
	$(BIN)/python -m pytest -q tests/spark
	YAMLFLOW_STORE="$$(mktemp -d)/store.db" $(BIN)/python -m pytest -q -c pyproject.toml --rootdir . --nbval-lax --nbval-current-env notebooks/spark.ipynb

trust-table: $(VENV)/.dev  ## which test holds up which row of docs/reference/trust.md; fails on a row without one
	$(BIN)/python -m tests.trust_table

audit: $(VENV)/.dev  ## known holes in what is installed, from the public database; says so where it cannot be reached
	@$(BIN)/python -m tests.audit

# -- measure it
bench-quick: $(VENV)/.dev  ## the benchmarks at small sizes (at most five minutes)
	$(BIN)/python -m benchmarks quick

bench: $(VENV)/.dev  ## the benchmarks at full size (at most twenty minutes)
	$(BIN)/python -m benchmarks full

bench-spark: $(VENV)/.spark  ## a query as a pyspark node beside plain pyspark
	$(BIN)/python -W ignore -m benchmarks.spark_beside_plain

# -- describe it
docs: $(VENV)/.dev  ## write the generated pages of docs/reference anew
	$(BIN)/python -m docs.generate

clean:  ## remove the environment and what tools left behind
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
