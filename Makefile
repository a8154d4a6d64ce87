# Everything runs in .venv, made from requirements.lock by the first target that needs it.
PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --durations 10
UV_VERSION := $(shell sed -n 's/^uv==\([0-9.]*\).*/\1/p' requirements.lock)

# Empty, so that Python keeps what it compiled: tests start hundreds of processes, which would compile it all again.
export PYTHONDONTWRITEBYTECODE =

.PHONY: demo test test-all test-ui check bench lock clean

demo: .venv/.installed
	$(BIN)/stockrnn demo

test: .venv/.installed
	$(PYTEST) -m "not exhaustive"

# What `make test` leaves out, and nothing else.
test-all: .venv/.installed
	$(PYTEST) -m exhaustive

# In a real browser; needs chromium and chromedriver (Debian: chromium chromium-driver).
test-ui: .venv/.installed
	$(BIN)/python -m pytest tests/deployments -o python_files='ui_*.py' -s

check: .venv/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/vulture
	$(BIN)/sqlfluff lint sql

bench: .venv/.installed
	$(BIN)/python -m pytest tests/benchmarks -o python_files='bench_*.py' -o addopts= -s -q --import-mode=importlib

lock: .venv/.installed
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --custom-compile-command "make lock" --extra dev pyproject.toml -o requirements.lock
	sed -n 's/^tensorflow==\([0-9.]*\).*/tensorflow-cpu==\1 ; platform_machine == "x86_64"/p' requirements.lock \
		| $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-deps --no-annotate --custom-compile-command "make lock" - -o docker/tensorflow-cpu.txt

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# Bytecode is compiled now: without it every start of TensorFlow takes 20 seconds instead of 5.
.venv/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $@
