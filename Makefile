# Two commands matter: `make demo` and `make test`. `make help` lists the rest.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export CARGO_TARGET_DIR ?= $(CURDIR)/target
# One seed for every random test of a run, printed, so that a failure can be had again: make test FINWAIT_SEED=…
ifndef FINWAIT_SEED
FINWAIT_SEED := $(shell od -An -N4 -tu4 /dev/urandom | tr -d ' ')
endif

# What the core is built from. The folders too: their time changes when a file goes away.
CORE_SOURCES := $(shell find core/src -type d -o -name '*.rs') core/build.rs core/Cargo.toml core/Cargo.lock \
  src/finwait/tcp/transitions.toml

.PHONY: help
help: ## what there is
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

.PHONY: demo
demo: $(VENV)/.core ## build what is needed into .venv and show the main job on examples/
	@scripts/demo

.PHONY: test
test: $(VENV)/.core $(VENV)/.dev ## install what the tests need, then run them
	@scripts/need-packages
	@echo "seed: $(FINWAIT_SEED)"
	PROPTEST_RNG_SEED=$(FINWAIT_SEED) cargo test --manifest-path core/Cargo.toml --locked
	FINWAIT_SEED=$(FINWAIT_SEED) $(BIN)/python -m pytest $(PYTEST)

.PHONY: check
check: $(VENV)/.core $(VENV)/.dev ## format, lint, types, stubs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/python -m mypy src tests tools examples
	$(BIN)/python -m mypy.stubtest finwait._core --mypy-config-file pyproject.toml --allowlist tests/stubtest-allowlist.txt
	cargo fmt --manifest-path core/Cargo.toml --check
	cargo clippy --manifest-path core/Cargo.toml --locked --all-targets -- -D warnings
	cargo clippy --manifest-path core/Cargo.toml --locked --lib --features python -- -D warnings
	cargo fmt --manifest-path bench/gen/Cargo.toml --check
	cargo fmt --manifest-path core/fuzz/Cargo.toml --check
	cargo clippy --manifest-path bench/gen/Cargo.toml --locked --all-targets -- -D warnings

.PHONY: format
format: $(VENV)/.dev ## put everything into the one format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	cargo fmt --manifest-path core/Cargo.toml
	cargo fmt --manifest-path bench/gen/Cargo.toml
	cargo fmt --manifest-path core/fuzz/Cargo.toml

.PHONY: docs
docs: $(VENV)/.core ## draw again what the documents show of the code: the state machine, the closings
	$(BIN)/python -m finwait.picture.states
	$(BIN)/python tools/closings.py
	$(BIN)/python tools/script_tables.py

.PHONY: bench
bench: $(VENV)/.core $(VENV)/.bench ## measure against other tools (long); BENCH='--only speed' and the like
	@scripts/need-packages bench
	$(BIN)/python bench/run.py $(BENCH)

.PHONY: fuzz
fuzz: ## feed random bytes to the readers and the tracker, a minute each (needs a C++ compiler)
	@scripts/fuzz

.PHONY: clean
clean: ## remove what was built
	rm -rf $(VENV) target core/target build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	rm -f src/finwait/_core*.so
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The virtual environment. Debian keeps ensurepip in a package of its own; pip can do without it.
$(VENV)/.made:
	@scripts/need-build $(PYTHON)
	$(PYTHON) -m venv $(VENV) 2>/dev/null || { rm -rf $(VENV); \
	  $(PYTHON) -m venv --without-pip $(VENV) && $(PYTHON) -m pip --python $(BIN)/python install --quiet pip; }
	touch $@

$(VENV)/.tools: $(VENV)/.made pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'maturin>=1.9,<2'
	touch $@

# The core, released, and finwait itself, installed so that changes of Python files count at once.
$(VENV)/.core: $(VENV)/.tools $(CORE_SOURCES) pyproject.toml $(if $(wildcard src/finwait/_core*.so),,force)
	PIP_QUIET=1 VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin develop --release --locked --quiet
	touch $@

# Only the extra packages: finwait itself is installed above.
EXTRAS = import sys, tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"][sys.argv[1]], sep="\n")
$(VENV)/.dev $(VENV)/.bench: $(VENV)/.%: $(VENV)/.tools pyproject.toml
	$(BIN)/python -c '$(EXTRAS)' $* > $@.list
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $@.list
	touch $@

.PHONY: force
force:
