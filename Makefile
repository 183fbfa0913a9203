PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
UV := $(shell command -v uv 2>/dev/null)

# WHEELS names a folder that holds all that is to be installed, where there is no network.
FROM := $(if $(WHEELS),--no-index -f "$(abspath $(WHEELS))")

ifdef UV
INSTALL := $(UV) pip install $(FROM) --python $(BIN)/python
else
INSTALL := $(BIN)/python -m pip install $(FROM) --no-input
endif

# How many processes share the tests; 0: none, so that one can debug.
JOBS := 2

# The backend of bench-gpu, tensorflow or jax, and the extra of the package that installs it.
BACKEND := tensorflow
GPU_EXTRA := $(if $(filter jax,$(BACKEND)),jax-cuda,cuda)

# The last Python 3 that TensorFlow can be had for.
NEWEST := 13

.PHONY: help lab site site-serve test test-core round-trips binder lessons links lint lint-js messages types bench bench-gpu memory clean

help:
	@echo "make lab     open the explorer in JupyterLab"
	@echo "make site    build the explorer as a folder, build/site, that needs no server (needs npm)"
	@echo "make site-serve  the same, shown at an address of this machine"
	@echo "make test    run the tests; ARGS='-k name' is passed to pytest, JOBS=0 uses one process"
	@echo "make test-core  run the tests of what needs no TensorFlow, with newer Pythons too"
	@echo "make binder  install what Binder would, and run the notebook there"
	@echo "make links   write the links to where this is published, by the address in pyproject.toml"
	@echo "make lessons  write the teacher's page, by the lessons"
	@echo "make round-trips  write and read 10,000 drawn designs in each format (an hour)"
	@echo "make lint    check style, formatting, and what imports what"
	@echo "make lint-js  check the JavaScript's types and style (needs Node.js and npm)"
	@echo "make messages  write what the JavaScript knows of the widgets' traits and messages"
	@echo "make types   check types"
	@echo "make bench   run the benchmarks"
	@echo "make bench-gpu  check on this machine's GPU all that is measured (BACKEND=jax: with JAX;"
	@echo "             WHEELS=folder: install from there; ARGS=--dry-run: a small network)"
	@echo "make memory  measure in 2 GiB: the tables, and 200 drawn models (an hour or two, Linux)"
	@echo "make clean   remove the virtual environment and caches"
	@echo "PYTHON=python3.12 (or another) chooses the Python of the virtual environment"

lab: $(VENV)/.lab
	@flags="-y --LabApp.default_url=/lab/tree/notebooks/explorer.ipynb"; \
	if [ "$$(id -u)" = 0 ]; then flags="$$flags --allow-root"; fi; \
	if [ -n "$$CI" ] || { [ "$$(uname)" = Linux ] && [ -z "$$DISPLAY$$WAYLAND_DISPLAY" ]; }; then \
		echo "No screen found: open one of the addresses that JupyterLab prints below."; \
		flags="$$flags --no-browser"; \
	fi; \
	exec $(BIN)/python -m jupyterlab $$flags

# An environment of its own, without a backend of Keras.
site:
	@command -v npm >/dev/null || { \
		echo "make site needs npm, which comes with Node.js: install that, then try again." >&2; \
		echo "Only the site needs npm: make lab opens the explorer without it." >&2; \
		exit 1; \
	}
	@$(MAKE) --no-print-directory VENV=$(VENV)-site NEWEST=99 run-site

site-serve: site
	$(VENV)-site/$(notdir $(BIN))/python -m http.server --bind 127.0.0.1 --directory build/site

.PHONY: run-site
run-site: $(VENV)/.site
	@$(BIN)/python .ci/site/build.py build/site

$(VENV)/.site: .ci/site/tools.txt $(VENV)/.created
	$(INSTALL) -r .ci/site/tools.txt
	@touch $@

test: $(VENV)/.test
	@$(BIN)/python -m pytest -n $(JOBS) $(ARGS)

# Of code that Keras runs a tenth.
round-trips: $(VENV)/.test
	@EXPLORER_EXAMPLES=10000 $(BIN)/python -m pytest -m round_trip $(ARGS)

# An environment of its own, without a backend of Keras.
test-core:
	@$(MAKE) --no-print-directory VENV=$(VENV)-core NEWEST=99 run-test-core

.PHONY: run-test-core
run-test-core: $(VENV)/.core
	@$(BIN)/python -m pytest tests/core $(ARGS)

$(VENV)/.core: pyproject.toml $(VENV)/.created
	$(INSTALL) --editable ".[core-test]"
	@touch $@

# An environment of its own, of Binder's Python and versions; its cells are run as Binder's kernel does.
binder:
	@$(MAKE) --no-print-directory VENV=$(VENV)-binder PYTHON="$$(tr -d - < binder/runtime.txt)" run-binder

.PHONY: run-binder
run-binder: $(VENV)/.binder
	@$(BIN)/python -m jupyter execute notebooks/explorer.ipynb

$(VENV)/.binder: binder/requirements.txt binder/runtime.txt pyproject.toml $(VENV)/.created
	$(INSTALL) -r binder/requirements.txt nbclient
	@touch $@

links: $(VENV)/.test
	$(BIN)/python tests/write_links.py

lessons: $(VENV)/.test
	$(BIN)/python tests/write_teaching.py

lint: $(VENV)/.test
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check
	$(BIN)/lint-imports

messages: $(VENV)/.test
	$(BIN)/python tests/write_messages.py

# The only target that needs Node.js: what the browser gets is the source as it stands.
lint-js: .ci/node_modules/.installed
	.ci/node_modules/.bin/tsc -p .ci
	cd .ci && node_modules/.bin/biome lint --config-path=. --error-on-warnings ../explorer/widget

.ci/node_modules/.installed: .ci/package.json
	cd .ci && npm install --no-package-lock --no-audit --no-fund
	@touch $@

types: $(VENV)/.test
	$(BIN)/python -m mypy

bench: $(VENV)/.test
	@for script in $(filter-out %/bench_gpu.py,$(wildcard tests/benchmarks/bench_*.py)); do \
		echo "== $$script"; \
		$(BIN)/python "$$script" || exit 1; \
	done

# An environment of its own: TensorFlow with CUDA and without it exclude each other.
bench-gpu:
	@$(MAKE) --no-print-directory VENV=$(VENV)-$(GPU_EXTRA) GPU_EXTRA=$(GPU_EXTRA) run-bench-gpu

.PHONY: run-bench-gpu
run-bench-gpu: $(VENV)/.gpu
	KERAS_BACKEND=$(BACKEND) PYTHONPATH=. $(BIN)/python tests/benchmarks/bench_gpu.py $(ARGS)

$(VENV)/.gpu: pyproject.toml $(VENV)/.created
	$(INSTALL) ".[$(GPU_EXTRA)]"
	@touch $@

memory: $(VENV)/.test
	@$(BIN)/python tests/measure_limited.py table
	@$(BIN)/python tests/measure_limited.py draw 200
	@$(BIN)/python -m tests.measure_expected table
	@$(BIN)/python -m tests.measure_expected draw 15
	@PYTHONPATH=. $(BIN)/python tests/measure_binder.py

clean:
	rm -rf $(VENV) $(VENV)-binder $(VENV)-core $(VENV)-site $(VENV)-cuda $(VENV)-jax-cuda .ci/node_modules .ci/site/node_modules build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache

$(VENV)/.lab: EXTRAS := cpu,lab,pandas
$(VENV)/.test: EXTRAS := cpu,lab,test
$(VENV)/.lab $(VENV)/.test: pyproject.toml $(VENV)/.created
	$(INSTALL) --editable ".[$(EXTRAS)]"
# JupyterLab would ask about its news first.
	@$(BIN)/python -m jupyter labextension disable --log-level=ERROR \
		@jupyterlab/apputils-extension:announcements
	@touch $@

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, $(NEWEST)))' || { \
		echo "explorer needs Python 3.11, 3.12 or 3.13, and '$(PYTHON)' is none of them." >&2; \
		echo "Name one that is: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; \
		exit 1; \
	}
ifdef UV
	$(UV) venv --allow-existing --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" $(VENV)
else
# Debian's Python cannot put pip into a new environment without its package
# python3-venv; a pip outside the environment can.
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { \
		$(PYTHON) -m venv --without-pip $(VENV) && \
		$(PYTHON) -m pip --python $(BIN)/python install $(FROM) --no-input pip; \
	} || { \
		echo "'$(PYTHON)' cannot make a virtual environment." >&2; \
		echo "Install uv, or venv and pip (on Debian and Ubuntu: apt-get install python3-venv)." >&2; \
		exit 1; \
	}
endif
	@touch $@
