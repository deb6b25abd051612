# Two commands do everything on a fresh machine with Python 3.11 or newer: make demo, make test.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-gpu test-kserve test-deploy deploy-tools manifests locks sbom parity check bench bench-export proto clean

demo: $(VENV)/.installed
	$(BIN)/python tests/digits/demo.py

test: $(VENV)/.installed-test $(VENV)/.prometheus $(VENV)/.graphviz deploy-tools
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile

# What takes minutes: images built and run, alerts made to fire, rollouts under load. As root on Debian it installs what it needs.
test-deploy: $(VENV)/.installed-test deploy-tools
	$(BIN)/python -m tests.deploy.machine
	$(BIN)/python -m pytest -m deploy tests/deploy

# Helm, kubectl, promtool and their like, into .venv-deploy; what cannot be had is said, and its tests are skipped.
deploy-tools: $(VENV)/.installed-test
	$(BIN)/python -m tests.deploy.tools

# What the images install, by hash, out of deploy/container/*.in.
locks:
	$(PYTHON) -m venv .venv-deploy/uv
	.venv-deploy/uv/bin/python -m pip install --quiet --disable-pip-version-check uv
	for name in cpu cuda builder build; do (cd deploy/container && ../../.venv-deploy/uv/bin/uv pip compile --quiet --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-annotate --no-emit-index-url $$name.in --output-file $$name.lock) || exit 1; done

# What is in each image, as CycloneDX, out of its lock.
sbom:
	$(PYTHON) -m venv .venv-deploy/sbom
	.venv-deploy/sbom/bin/python -m pip install --quiet --disable-pip-version-check cyclonedx-bom
	mkdir -p dist
	for name in cpu cuda builder; do .venv-deploy/sbom/bin/cyclonedx-py requirements --output-reproducible --of JSON \
	  --output-file dist/$$name.cdx.json deploy/container/$$name.lock || exit 1; done

# What is generated in deploy/: the plain manifests out of the chart, and the dashboards.
manifests: $(VENV)/.installed-test deploy-tools
	$(BIN)/python deploy/monitoring/dashboards.py
	$(BIN)/python -m tests.deploy.manifests

# Needs onnxruntime-gpu in onnxruntime's place, and a device; each test says why where it is skipped.
test-gpu: $(VENV)/.installed-test
	$(BIN)/python -m pytest -m gpu -rs tests/gpu

# KServe's client brings half a gigabyte: its test is skipped unless it is asked for.
test-kserve: $(VENV)/.installed-test $(VENV)-kserve/.installed
	HORNBEAM_TEST_KSERVE=$(VENV)-kserve/bin/python $(BIN)/python -m pytest tests/test_clients.py -k kserve

parity: $(VENV)/.installed-test
	$(BIN)/python -m pytest -m parity tests/parity tests/builder --numprocesses auto

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
	rm -rf $(VENV) $(VENV)-kserve $(VENV)-deploy build dist models *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Hornbeam needs Python 3.11 or newer, and this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@

# Prometheus and promtool, which the tests ask what they make of the metrics. They are unpacked rather than installed, so that no
# daemon begins to run; where there is no Debian to have them from, those tests are skipped and say so.
$(VENV)/.prometheus: $(VENV)/.installed-test
	@if command -v prometheus >/dev/null && command -v promtool >/dev/null; then touch $@; else cd $(VENV) && \
	  { apt-get -qq -o APT::Sandbox::User=root download prometheus || { apt-get -qq update && apt-get -qq -o APT::Sandbox::User=root download prometheus; }; } && \
	  dpkg -x prometheus_*.deb prometheus && rm prometheus_*.deb && touch .prometheus; fi || echo "no prometheus: its tests are skipped"

# Pictures as PNG are tried where Graphviz is, which root can install.
$(VENV)/.graphviz: $(VENV)/.installed-test
	@if command -v dot >/dev/null || { export DEBIAN_FRONTEND=noninteractive; \
	  apt-get -qq install --yes --no-install-recommends graphviz >/dev/null || \
	  { apt-get -qq update && apt-get -qq install --yes --no-install-recommends graphviz >/dev/null; }; }; \
	  then touch $@; else echo "no Graphviz: its tests are skipped"; fi

$(VENV)-kserve/.installed:
	$(PYTHON) -m venv $(VENV)-kserve
	$(VENV)-kserve/bin/python -m pip install --quiet --disable-pip-version-check 'kserve>=0.15'
	touch $@
