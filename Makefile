# The commands of developers and first-time users; `make help` lists them.

PYTHON ?= python3
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/ecg-audio-analyzer
export UV_CACHE_DIR := $(CACHE)/uv
export UV_LINK_MODE ?= hardlink
# Always write byte code: without it every process start spends 20 s on compiling libraries.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.complete
# A terminal sees the downloads; a log gets one line.
UV_QUIET := $(if $(shell test -t 2 && echo terminal),,--quiet --no-progress)
COMPILE := $(BIN)/uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 \
	--generate-hashes --no-header --no-emit-index-url --no-emit-package ecg-audio-analyzer
# triton is torch.compile's compiler, half a gigabyte that nothing here calls: the image does without it.
UNUSED_BY_pipeline := --no-emit-package triton

ENV_FILE := $(if $(DEMO),--env-file demo/demo.env)

.DEFAULT_GOAL := help
.PHONY: help demo test control-plane cluster-up cluster-down cluster-packages browser images can-cluster e2e e2e-faults setup \
	serve check verify fmt bench prove accuracy train lock generate clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: setup ## from a fresh clone: analyse the sample video through the HTTP API, with callbacks
	@$(BIN)/python demo/run_demo.py

test: setup control-plane ## from a fresh clone: run all tests that this machine can run, except tests/e2e
	@$(BIN)/python -m pytest $(ARGS)

control-plane: setup ## build the control plane, helm and Prometheus that the tests use (a quarter of an hour, once)
	@$(BIN)/python -m ecg_dev.control_plane.binaries > /dev/null

cluster-up: setup ## start a single-node Kubernetes cluster with a real kubelet on this machine (Linux, root)
	@$(BIN)/python -m ecg_dev.node up

cluster-down: setup ## stop that cluster and everything that runs in it
	@$(BIN)/python -m ecg_dev.node down

cluster-packages: setup ## install the Debian packages that cluster-up and images need
	@$(BIN)/python -m ecg_dev.node packages

browser: ## install Chromium, with which the page is tested (Debian, root)
	@command -v chromium > /dev/null || (apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium)

images: setup ## build the three images and load them into that cluster, or into kind
	@PYTHONPATH=demo $(BIN)/python -m ecg_dev.images $(ARGS)

can-cluster: setup ## exit with an error that says why this machine cannot run the cluster and its images
	@PYTHONPATH=demo $(BIN)/python -m ecg_dev.images --check

e2e: setup ## test on that cluster: install the chart, analyse whole videos, receive their callbacks
	@$(BIN)/python -m pytest -v tests/e2e -m "not faults" $(ARGS)

e2e-faults: setup ## test on that cluster: failing pods, nodes and operators
	@$(BIN)/python -m pytest -v tests/e2e -m faults $(ARGS)

setup: $(STAMP) demo/models/diarization/config.yaml ## create the environment in .venv

serve: setup ## run the standalone server on port 8001 (DEMO=1: with the demo models)
	@$(BIN)/ecg $(ENV_FILE) serve $(ARGS)

check: setup ## run the linter, the type checker and the import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

generate: setup ## regenerate docs/openapi.json, docs/configuration.md, the result's schema, the chart's CRD and README
	@$(BIN)/python scripts/generate_docs.py
	@$(BIN)/python scripts/generate_crd.py
	@$(BIN)/python scripts/generate_chart_readme.py

verify: generate ## fail when a generated file is not up to date
	@git diff --exit-code -- docs/openapi.json docs/configuration.md docs/result.schema.json \
		charts/ecg-audio-analyzer/files/crd.yaml charts/ecg-audio-analyzer/README.md
	@echo "generated files are up to date"

fmt: setup ## format, and apply the linter's automatic fixes
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

pictures: setup control-plane ## draw the dashboard's picture anew (docs/pictures/dashboard.png)
	@PYTHONPATH=tests $(BIN)/python scripts/draw_dashboard.py

bench: setup control-plane ## run the benchmarks, each against a baseline, and print ratios
	@PYTHONPATH=tests $(BIN)/python benchmarks/run.py $(ARGS)

prove: setup control-plane ## kill, disturb and mutate it, and check its promises (40 minutes; ARGS="kills": a part)
	@PYTHONPATH=tests $(BIN)/python prove/prove.py $(ARGS)

accuracy: setup ## measure the demo models on newly generated dialogues (ten minutes; ARGS="--seed N": others)
	@PYTHONPATH=tests $(BIN)/python demo/training/fresh.py $(ARGS)

train: setup ## retrain the demo models (about an hour of CPU)
	@OMP_NUM_THREADS=1 PYTHONPATH=demo/models/diarization $(BIN)/python demo/training/train.py $(ARGS)

lock: setup ## resolve all dependencies again, into locks/
	@echo 'uv==$(shell $(BIN)/uv --version | cut -d' ' -f2)' | $(COMPILE) --upgrade - -o locks/uv.txt
	@$(COMPILE) --upgrade pyproject.toml --all-extras -o locks/dev.txt
	@for extra in api operator pipeline; do \
		$(COMPILE) pyproject.toml --extra $$extra -c locks/dev.txt $(UNUSED_BY_$$extra) -o locks/$$extra.txt; done

clean: ## remove the environment and the demo's output
	@rm -rf $(VENV) demo-output data

# The environment: pip installs uv from its lock, uv installs the rest and removes everything that is not locked.
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
	@touch $@  # write_config.py does not write an unchanged file
