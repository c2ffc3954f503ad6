# Every target makes what it needs first; `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
export UV_PROJECT_ENVIRONMENT := $(VENV)
export RUNTIME__DLTHUB_TELEMETRY := false
export DBT_SEND_ANONYMOUS_USAGE_STATS := false

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

# uv is taken from the machine, else installed beside the environment, for this project only.
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
.uv/bin/uv:
	python3 -m venv .uv && .uv/bin/pip install --quiet --disable-pip-version-check uv==0.13.9

.PHONY: setup
setup: $(VENV)/.ready ## Create .venv with everything locked, all extras included

$(VENV)/.ready: pyproject.toml uv.lock | $(filter .uv/bin/uv,$(UV))
	$(UV) sync --quiet --locked --all-extras --compile-bytecode
	@touch $@

.PHONY: demo
demo: setup ## Run the main job against the bundled sandbox into demo/logentic.duckdb
	$(BIN)/logentic demo --db demo/logentic.duckdb

.PHONY: test
test: setup ## Run the tests
	$(BIN)/pytest -n 4 --dist worksteal --ignore tests/e2e --ignore tests/spark

.PHONY: test-unit
test-unit: setup ## Run the tests of single modules, in seconds
	$(BIN)/pytest -n 2 tests/unit

.PHONY: fuzz
fuzz: setup ## Spoil pages, headers and state files for a minute; FUZZ_SEED=7 or FUZZ_CASE=… repeats, FUZZ_SECONDS=0 is the full one
	PYTHONPATH=tests $(BIN)/python -m fuzz

.PHONY: reliability
reliability: setup | $(filter .uv/bin/uv,$(UV)) ## Run the tests that hold the promises and write docs/reliability.md from their results
	$(UV) sync --quiet --locked --project conformance/spark_cluster
	REQUIRE_BROWSER=1 REQUIRE_SPARK=1 $(BIN)/pytest -n 4 --dist worksteal --junitxml=build/promises.xml \
		$$($(BIN)/python scripts/reliability.py --tests)
	$(BIN)/python scripts/reliability.py build/promises.xml

.PHONY: conformance
conformance: | $(filter .uv/bin/uv,$(UV)) ## Run the suites of Singer and Airbyte, older DuckDBs and the tools of docs/connect.md, in conformance/.venv
	$(UV) sync --quiet --locked --project conformance
	cd conformance && .venv/bin/pytest

.PHONY: bench
bench: setup | $(filter .uv/bin/uv,$(UV)) ## Measure against the floor and the peers, and write docs/performance.md; SECTIONS="peers news" for some
	$(BIN)/python -m benchmarks.run $(SECTIONS)

.PHONY: bench-full
bench-full: setup | $(filter .uv/bin/uv,$(UV)) ## The same with all sections: ten and a hundred times the size, latency, rate limit (an hour)
	$(BIN)/python -m benchmarks.run --full

.PHONY: bench-page
bench-page: setup ## Rewrite docs/performance.md from the results in benchmarks/results
	$(BIN)/python -m benchmarks.run --page

.PHONY: airflow-test
airflow-test: setup ## Run the DAG in a real Airflow, in deploy/airflow/.venv
	$(UV) sync --quiet --locked --project deploy/airflow
	cd deploy/airflow && .venv/bin/pytest

.PHONY: spark-test
spark-test: setup | $(filter .uv/bin/uv,$(UV)) ## Load a bucket; build on Sail, ten days with accidents, and on a real Spark cluster, one of whose workers is killed; needs Java 17
	$(UV) sync --quiet --locked --project conformance/spark_cluster
	REQUIRE_SPARK=1 $(BIN)/pytest -n 2 --dist worksteal tests/spark

.PHONY: scale-benchmark
scale-benchmark: setup ## Build a larger account on each engine, and write docs/scale.md; RECORDS=10000000 for more
	$(BIN)/python -m benchmarks.scale --records $(or $(RECORDS),1000000)

.PHONY: soak
soak: setup ## Run 500 scheduled runs over a moving account: memory, size and requests stay flat
	$(BIN)/python benchmarks/soak.py

.PHONY: audit-benchmark
audit-benchmark: setup ## Measure what the reconciliation finds and misses; writes docs/reconciliation.md
	$(BIN)/python -m benchmarks.audit

.PHONY: practice-benchmark
practice-benchmark: setup ## Measure the audit on accounts billed as public rate cards say; writes into docs/reconciliation.md
	$(BIN)/python -m benchmarks.practices

.PHONY: reconcile-benchmark
reconcile-benchmark: setup ## Reconcile one million charges; writes seconds and memory into docs/reconciliation.md
	$(BIN)/python -m benchmarks.reconcile

.PHONY: check
check: setup ## Lint, type-check, check the direction of imports, the locks, generated pages and commit subjects
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint models tests/reconcile
	$(UV) lock --check --quiet
	$(UV) lock --check --quiet --project conformance
	$(UV) lock --check --quiet --project conformance/clients
	$(UV) lock --check --quiet --project conformance/spark_cluster
	$(BIN)/python scripts/sources.py --check
	$(BIN)/python scripts/plan.py --check
	for peer in benchmarks/peers/*.py; do $(UV) lock --check --quiet --script $$peer || exit 1; done
	$(BIN)/python scripts/tables.py --check
	$(BIN)/python scripts/reference.py --check
	$(BIN)/python scripts/commit_subjects.py
	$(BIN)/python scripts/reliability.py --check

.PHONY: plan
plan: setup ## Compile the models into plan/*.json, which the product runs, where they were changed
	$(BIN)/python scripts/plan.py

.PHONY: docs-tables
docs-tables: setup ## Rewrite docs/tables.md from the models' .yml
	$(BIN)/python scripts/tables.py

.PHONY: docs-reference
docs-reference: setup ## Write docs/settings.md, docs/cli.md, docs/exit-codes.md and dlt_config/config.toml from the code
	$(BIN)/python scripts/reference.py

.PHONY: docs-pictures
docs-pictures: setup ## Redraw the pictures of docs/finance.md; needs LibreOffice and pdftoppm
	$(BIN)/python scripts/pictures.py
	$(BIN)/python scripts/price_picture.py

.PHONY: docs
docs: setup ## Build the documentation as a site in build/site, with dbt's own beside it
	mkdir -p build
	LOGENTIC_DBT_DB=build/docs.duckdb $(BIN)/dbt --quiet docs generate --empty-catalog --static \
		--target-path build/dbt --log-path build/dbt
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

.PHONY: e2e
e2e: setup ## Look at the dashboard in a real browser; needs Debian's chromium
	REQUIRE_BROWSER=1 $(BIN)/pytest tests/e2e

.PHONY: pictures
pictures: setup ## Retake the documentation's screenshots, with the same tests
	mkdir -p docs/pictures
	REQUIRE_BROWSER=1 PICTURES=$(CURDIR)/docs/pictures $(BIN)/pytest tests/e2e -k pictures

.PHONY: format
format: setup ## Format Python and SQL
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/sqlfluff fix models tests/reconcile

.PHONY: wheel
wheel: setup ## Build the wheel into dist/
	$(UV) build --wheel --quiet --out-dir dist

.PHONY: clean
clean: ## Remove what the other targets made
	rm -rf $(VENV) conformance/.venv conformance/older_client/.venv conformance/older_ducklake/.venv conformance/clients/.venv conformance/spark_cluster/.venv deploy/airflow/.venv build target .uv dist demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
