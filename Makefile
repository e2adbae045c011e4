PYTHON ?= python3
BIN := .venv/bin
# Set here so that a variable of the environment with this name does not count.
PROFILE :=

# For every command: no telemetry, and a fixed hash seed for reproducible results.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONHASHSEED := 0
export DVC_NO_ANALYTICS := true
export DO_NOT_TRACK := 1

.DEFAULT_GOAL := help
.PHONY: help run test lint serve clean lock

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: .venv/installed ## Run the pipeline and print the path of the report (PROFILE=NAME: conf/profile/NAME.yaml)
	@python -m flows everything $(if $(PROFILE),--profile '$(PROFILE)')

test: .venv/installed ## Run the tests
	@python -m pytest --numprocesses logical

lint: .venv/installed ## Check style, docstrings and the rules on imports
	@ruff check .
	@ruff format --check .
	@lint-imports

serve: .venv/installed ## Serve the stages that dvc repro runs elsewhere, so that they start at once
	@python -m stages.server

clean: ## Delete the environment and the outputs of the stages (DVC's cache stays)
	rm -rf .venv data/text data/embedding data/sequence data/clustering data/music
	rm -rf reports/index.html reports/pages reports/headlines reports/validation reports/curves

# --no-deps: the lock file lists all dependencies except PyAudio, which tinysoundfont does not need
# here. torch is installed again with dependencies, because its GPU build needs further packages.
.venv/installed: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "etude needs Python 3.11 or later: make PYTHON=python3.11 ...")'
	@echo "installing into .venv (a few minutes, once)"
	@$(PYTHON) -m venv --clear .venv
	@python -m pip install -qq --disable-pip-version-check --no-deps -r requirements.lock
	@python -m pip install -qq --disable-pip-version-check -c requirements.lock torch
	@touch $@

# Resolves the dependencies in pyproject.toml and freezes their versions.
lock: ## Renew requirements.lock
	$(PYTHON) -m venv --clear .venv
	$(PYTHON) -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb")); \
	  print(*p["project"]["dependencies"], *p["dependency-groups"]["dev"], sep="\n")' > .venv/requested
	grep -v tinysoundfont .venv/requested > .venv/with_dependencies
	grep tinysoundfont .venv/requested > .venv/without_dependencies
	python -m pip install -qq -r .venv/with_dependencies
	python -m pip install -qq --no-deps -r .venv/without_dependencies
	python -m pip freeze | sed 's/+cpu$$//' > requirements.lock
	touch .venv/installed
