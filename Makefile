PYTHON ?= python3
BIN := .venv/bin

# The same for every run: no telemetry, and hashes of strings that do not change.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONHASHSEED := 0
export DVC_NO_ANALYTICS := true
export DO_NOT_TRACK := 1

.DEFAULT_GOAL := help
.PHONY: help run test lint clean lock

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: .venv/installed ## Run the pipeline and name the report
	@python -m flows everything

test: .venv/installed ## Run the tests
	@python -m pytest

lint: .venv/installed ## Check style, docstrings and who may import whom
	@ruff check .
	@ruff format --check .
	@lint-imports

clean: ## Delete what was installed and what the stages wrote (DVC's cache stays)
	rm -rf .venv data/text data/embedding data/sequence data/clustering data/music
	rm -rf reports/index.html reports/pages reports/headlines reports/validation reports/curves

# Without dependencies: the lock file names them all, but for what tinysoundfont would add (PyAudio).
# torch is asked for once more with them, since its build for GPUs needs packages of its own.
.venv/installed: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "etude needs Python 3.11 or later: make PYTHON=python3.11 ...")'
	@echo "installing into .venv (a few minutes, once)"
	@$(PYTHON) -m venv --clear .venv
	@python -m pip install -qq --disable-pip-version-check --no-deps -r requirements.lock
	@python -m pip install -qq --disable-pip-version-check -c requirements.lock torch
	@touch $@

# What pyproject.toml asks for, resolved anew and frozen.
lock: ## Renew requirements.lock
	$(PYTHON) -m venv --clear .venv
	$(PYTHON) -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb")); \
	  print(*p["project"]["dependencies"], *p["dependency-groups"]["dev"], sep="\n")' > .venv/wanted
	grep -v tinysoundfont .venv/wanted > .venv/resolved
	grep tinysoundfont .venv/wanted > .venv/bare
	python -m pip install -qq -r .venv/resolved
	python -m pip install -qq --no-deps -r .venv/bare
	python -m pip freeze | sed 's/+cpu$$//' > requirements.lock
	touch .venv/installed
