# Everything a developer or a first-time user types. `make help` lists it.

PYTHON ?= python3
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/ecg-audio-analyzer
export UV_CACHE_DIR := $(CACHE)/uv
export UV_LINK_MODE ?= hardlink
# Byte code is written where it is told not to be, too: without it every process start compiles 20 s of libraries.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.complete
# A terminal sees the downloads; a log gets one line.
UV_QUIET := $(if $(shell test -t 2 && echo terminal),,--quiet --no-progress)
COMPILE := $(BIN)/uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 \
	--generate-hashes --no-header --no-emit-index-url --no-emit-package ecg-audio-analyzer
# torch.compile's compiler, half a gigabyte that nothing here calls; left out of the image.
UNUSED_BY_pipeline := --no-emit-package triton

ENV_FILE := $(if $(DEMO),--env-file demo/demo.env)

.DEFAULT_GOAL := help
.PHONY: help demo test control-plane cluster-up cluster-down cluster-packages images can-cluster e2e e2e-faults setup \
	serve check verify fmt bench accuracy train lock generate clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: setup ## from a fresh clone: analyse the sample video through the HTTP API, callbacks and all
	@$(BIN)/python demo/run_demo.py

test: setup control-plane ## from a fresh clone: run all tests that this machine can run (but for e2e's)
	@$(BIN)/python -m pytest $(ARGS)

control-plane: setup ## build the programs of a Kubernetes control plane for the tests (ten minutes, once)
	@$(BIN)/python -m ecg_dev.control_plane.binaries > /dev/null

cluster-up: setup ## a single-node Kubernetes on this machine, with a real kubelet (Linux, root)
	@$(BIN)/python -m ecg_dev.node up

cluster-down: setup ## end it, and all that it started
	@$(BIN)/python -m ecg_dev.node down

cluster-packages: setup ## install the Debian packages that cluster-up and images need
	@$(BIN)/python -m ecg_dev.node packages

images: setup ## build the three images and load them into that cluster, or into kind
	@PYTHONPATH=demo $(BIN)/python -m ecg_dev.images $(ARGS)

can-cluster: setup ## say in a line why this machine cannot run the cluster and its images, if so
	@PYTHONPATH=demo $(BIN)/python -m ecg_dev.images --check

e2e: setup ## helm install and whole videos on that cluster, as a backend sees it
	@$(BIN)/python -m pytest -v tests/e2e -m "not faults" $(ARGS)

e2e-faults: setup ## faults of real pods, nodes and operators on that cluster
	@$(BIN)/python -m pytest -v tests/e2e -m faults $(ARGS)

setup: $(STAMP) demo/models/diarization/config.yaml ## the environment in .venv alone

serve: setup ## the standalone server on port 8001 (DEMO=1: with the demo models)
	@$(BIN)/ecg $(ENV_FILE) serve $(ARGS)

check: setup ## lint, types, import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

generate: setup ## regenerate docs/openapi.json, docs/configuration.md, the result's schema and the chart's CRD
	@$(BIN)/python scripts/generate_docs.py
	@$(BIN)/python scripts/generate_crd.py

verify: generate ## fail when a generated file is not up to date
	@git diff --exit-code -- docs/openapi.json docs/configuration.md docs/result.schema.json \
		charts/ecg-audio-analyzer/files/crd.yaml
	@echo "generated files are up to date"

fmt: setup ## format, and mend what the linter can
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

bench: setup control-plane ## benchmarks beside their rivals, as ratios
	@PYTHONPATH=tests $(BIN)/python benchmarks/run.py $(ARGS)

accuracy: setup ## how right the demo is on dialogues made for the occasion (ten minutes; ARGS="--seed N": others)
	@PYTHONPATH=tests $(BIN)/python demo/training/fresh.py $(ARGS)

train: setup ## train the demo models anew (about an hour of CPU)
	@OMP_NUM_THREADS=1 PYTHONPATH=demo/models/diarization $(BIN)/python demo/training/train.py $(ARGS)

lock: setup ## resolve all dependencies anew into locks/
	@echo 'uv==$(shell $(BIN)/uv --version | cut -d' ' -f2)' | $(COMPILE) --upgrade - -o locks/uv.txt
	@$(COMPILE) --upgrade pyproject.toml --all-extras -o locks/dev.txt
	@for extra in api operator pipeline; do \
		$(COMPILE) pyproject.toml --extra $$extra -c locks/dev.txt $(UNUSED_BY_$$extra) -o locks/$$extra.txt; done

clean: ## remove the environment and what the demo left
	@rm -rf $(VENV) demo-output data

# The environment: uv from its own lock by pip, then everything else by uv, hashes checked, nothing else left in.
$(STAMP): locks/uv.txt locks/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if (3, 11) <= v < (3, 14) else \
		"Python 3.11, 3.12 or 3.13 is needed, this is %d.%d; name another: make PYTHON=python3.12" % v[:2])'
	@echo "setting up $(VENV): about 8 GB of packages, some minutes the first time, seconds from the cache"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r locks/uv.txt
	@$(BIN)/uv pip sync --python $(BIN)/python --require-hashes $(UV_QUIET) locks/uv.txt locks/dev.txt
	@$(BIN)/uv pip install --python $(BIN)/python --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo/models/diarization/config.yaml: $(STAMP) demo/write_config.py
	@$(BIN)/python demo/write_config.py
	@touch $@  # it was left alone where nothing had changed
