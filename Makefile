# Two commands do everything on a fresh machine with Python 3.11 or newer: make demo, make test.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test parity check bench bench-export proto clean

demo: $(VENV)/.installed
	$(BIN)/python tests/digits/demo.py

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile

parity: $(VENV)/.installed-test
	$(BIN)/python -m pytest -m parity tests/parity --numprocesses auto

check: $(VENV)/.installed-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.installed-test
	$(BIN)/python -m tests.bench

bench-export: $(VENV)/.installed-test
	$(BIN)/python -m tests.bench.export

proto: $(VENV)/.installed-test
	$(BIN)/python proto/generate.py

clean:
	rm -rf $(VENV) build dist models *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Hornbeam needs Python 3.11 or newer, and this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@
