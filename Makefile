# The two commands of a newcomer: make run, make test. Everything else is for developers.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
WORKERS ?= 2

.PHONY: run test test-long check bench lock clean fmt

run: $(VENV)/.run
	$(BIN)/gatepost demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(WORKERS) -m "not long"

test-long: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(WORKERS) -m "long"

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fmt: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev
	$(BIN)/python -m bench.run

# The environment: locked, with hashes, wheels only but for the project itself, so no compiler is needed.
# The lock is whole, so pip must not resolve: for an extra (coverage[toml]) it would want the newest release, which is not locked.
$(VENV)/.run: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --require-hashes --no-deps --only-binary :all: -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	$(PIP) install --require-hashes --no-deps --only-binary :all: -r requirements-dev.lock
	touch $@

lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --exclude-newer "1 week" pyproject.toml requirements.in -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --exclude-newer "1 week" --group dev -c requirements.lock -o requirements-dev.lock pyproject.toml requirements.in

clean:
	rm -rf .venv .venv-bench .mypy_cache .ruff_cache .pytest_cache .hypothesis
