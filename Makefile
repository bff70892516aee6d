# Every task of the project. `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

UV_VERSION := 0.13.9
TOOLS := .tools
UV := $(TOOLS)/bin/uv
RUN := $(UV) run --frozen --no-sync
STAMP := .venv/.synced
export UV_PYTHON_DOWNLOADS := never

.PHONY: help
help: ## List the tasks
	@awk -F':.*## ' '/^[a-z][a-z-]*:.*## /{printf "  \033[1m%-12s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST) | if [ -n "$${NO_COLOR:-}" ] || [ ! -t 1 ]; then sed $$'s/\033\\[[0-9;]*m//g'; else cat; fi

$(UV):
	@echo "installing uv $(UV_VERSION) into $(TOOLS)/"
	@python3 -m venv $(TOOLS)
	@$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"

$(STAMP): $(UV) pyproject.toml lab/pyproject.toml uv.lock
	@echo "installing the locked Python packages into .venv/"
	@$(UV) sync --frozen --all-packages --compile-bytecode
	@touch $(STAMP)

.PHONY: install
install: $(STAMP) ## Install uv and the locked packages, into this folder only

.PHONY: format
format: $(STAMP) ## Format and mend what can be mended
	@$(RUN) ruff check --quiet --fix-only . && $(RUN) ruff format --quiet .

.PHONY: check
check: $(STAMP) ## Format, lint, types, house contracts, generated files
	@$(RUN) ruff format --check --quiet .
	@$(RUN) ruff check --quiet .
	@$(RUN) mypy --no-error-summary
	@$(RUN) lint-imports --no-cache
	@$(RUN) python -m entrafed.api.generate --check

.PHONY: generate
generate: $(STAMP) ## Write the CRDs, the chart's copies of them and the API reference from the models
	@$(RUN) python -m entrafed.api.generate

.PHONY: test
test: $(STAMP) ## Run the tests; the first time it builds a control plane (8 minutes)
	@$(RUN) entrafed-lab build
	@$(RUN) pytest -n 2 --dist loadfile --durations=10

.PHONY: bench
bench: $(STAMP) ## Measure 2,000 credentials on 100 targets, then 200 identities on 10 hosts, throttling on; minutes
	@PYTHONPATH=tests $(RUN) python -m bench sharing
	@PYTHONPATH=tests $(RUN) python -m bench hosts

.PHONY: nightly
nightly: $(STAMP) ## Play 50,000 steps of generated sequences instead of the 2,000 of `make test` (half an hour)
	@ENTRAFED_SEQUENCE_STEPS=50000 $(RUN) pytest -n 2 --dist load --timeout 1800 tests/sequences

.PHONY: demo
demo: $(STAMP) ## Show the product at work in a lab of its own; the first time it builds a control plane (8 minutes)
	@$(RUN) entrafed-lab demo

.PHONY: lab
lab: $(STAMP) ## Start a control plane, a simulated Azure and the operator, until Ctrl-C
	@$(RUN) entrafed-lab up --crds crds --chart charts/entrafed --values lab/chart-values.yaml --operator --delay-scale 0.25

.PHONY: down
down: $(STAMP) ## End the lab, should one be left
	@$(RUN) entrafed-lab down
