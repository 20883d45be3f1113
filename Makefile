# Two commands matter: `make demo` and `make test`. Everything they need they install themselves.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

export BASTAIX_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/bastaix
UV := $(BASTAIX_CACHE)/uv-$(shell sha256sum requirements/build.txt | cut -c1-8)/bin/uv
# One for each checkout: it holds a link to the sources.
VENV := $(BASTAIX_CACHE)/venv-$(shell pwd | sha256sum | cut -c1-8)
PYTHON := $(VENV)/bin/python
export UV_NATIVE_TLS := 1


help: ## Show this page
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Development

$(UV):
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed, as python3 on PATH"; exit 1; }
	@python3 -m venv $(dir $(UV)).. || { echo "python3-venv is missing: apt-get install python3-venv"; exit 1; }
	@$(dir $(UV))pip install --quiet --require-hashes --only-binary :all: --requirement requirements/build.txt

$(VENV)/.ready: $(UV) pyproject.toml requirements/dev.txt requirements/build.txt
	@echo "python: making the development environment"
	@$(UV) venv --quiet --clear --python python3 $(VENV)
	@VIRTUAL_ENV=$(VENV) $(UV) pip sync --quiet --require-hashes requirements/dev.txt requirements/build.txt
	@VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --no-build-isolation --no-deps --editable .
	@touch $@

venv: $(VENV)/.ready ## Make the Python environment for development

python: ## Print the path of its interpreter
	@echo $(PYTHON)

COMPILE := $(UV) pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-header --no-annotate
lock: $(UV) ## Pin dependencies anew, with hashes and without addresses
	$(COMPILE) pyproject.toml --output-file requirements/operator.txt
	$(COMPILE) --constraint requirements/operator.txt requirements/build.in \
		--output-file requirements/build.txt
	$(COMPILE) --constraint requirements/build.txt --group dev pyproject.toml \
		--output-file requirements/dev.txt
	$(COMPILE) --python-platform x86_64-manylinux_2_28 --override serve_apps/overrides.txt \
		serve_apps/requirements.in --output-file serve_apps/requirements.txt

##@ Main job

demo: venv ## From a bare machine to a model's answer: cluster, install, apply, ask
	@$(PYTHON) -m demo

##@ Cluster

cluster: venv ## Start the one-node Kubernetes with KubeRay (idempotent)
	@$(PYTHON) -m cluster up

cluster-down: venv ## Stop it and leave nothing running; images stay cached
	@$(PYTHON) -m cluster down

cluster-status: venv ## What runs, what does not, where the logs are
	@$(PYTHON) -m cluster status

kubeconfig: venv ## Print the kubeconfig's path: export KUBECONFIG=$(make -s kubeconfig)
	@$(PYTHON) -m cluster kubeconfig

##@ Tests

test: lint test-unit test-api test-e2e ## Every tier

# What of the Serve apps can be checked without Ray.
PURE_SERVE_APPS := $(addprefix serve_apps/, \
	$(addprefix echo/,arguments.py answers.py settings.py) \
	$(addprefix vllm_openai/,arguments.py rules.py) \
	$(addprefix topics/,arguments.py rules.py topics.py))

lint: venv ## ruff, mypy --strict, import-linter, helm lint
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy
	@$(PYTHON) -m mypy $(PURE_SERVE_APPS)
	@PYTHONPATH=operator:. $(VENV)/bin/lint-imports --no-cache
	@$(PYTHON) -m cluster program helm
	@$$($(PYTHON) -m cluster program helm) lint --quiet --strict charts/bastaix

test-unit: venv ## Pure tests and goldens
	@$(PYTHON) -m pytest --numprocesses=auto tests/unit tests/golden tests/observability \
		-m "not long"

test-api: venv ## A real etcd and API server, a real kstatus
	@$(PYTHON) -m pytest tests/api tests/security tests/kstatus -m "not long"

test-e2e: venv ## A real node, KubeRay, Ray and vLLM
	@$(PYTHON) -m pytest tests/e2e -m "not long"

RAY_VENV := $(BASTAIX_CACHE)/ray-venv
BASTAIX_RAY_PYTHON ?= $(RAY_VENV)/bin/python
export BASTAIX_RAY_PYTHON

$(RAY_VENV)/.ready: $(UV) serve_apps/requirements.txt
	@echo "python: making an environment with Ray and vLLM, 7 GB"
	@$(UV) venv --quiet --clear --python python3 $(RAY_VENV)
	@VIRTUAL_ENV=$(RAY_VENV) $(UV) pip sync --quiet --require-hashes serve_apps/requirements.txt
	@touch $@

test-serve: venv $(RAY_VENV)/.ready ## The Serve apps alone with a real Ray and vLLM, without Kubernetes
	@$(PYTHON) -m pytest tests/serve

test-upgrade: venv ## An older version's running models under `helm upgrade` and `helm rollback`
	@$(PYTHON) -m pytest tests/upgrade

test-long: test-serve test-upgrade ## What is too slow for `make test`
	@$(PYTHON) -m pytest --numprocesses=auto tests/unit -m long
	@$(PYTHON) -m pytest tests/api tests/security tests/release tests/e2e -m long || [ $$? = 5 ]

format: venv ## Let ruff format the code
	@$(PYTHON) -m ruff check --fix --quiet . || true
	@$(PYTHON) -m ruff format --quiet .

corpus: venv ## Provoke failures on the node and record anew what it says of them
	@$(PYTHON) -m tests.corpus.record $(CAUSES)

##@ Release

sbom: venv ## Bills of materials (CycloneDX) of both images, in build/sbom/
	@$(PYTHON) -m release sbom

audit: venv ## Ask for advisories on all that is pinned; fails too where nobody can be asked
	@$(PYTHON) -m release audit

release: venv ## Wheel, chart, image, bill of materials and SHA256SUMS of HEAD, in dist/; BASE=NAME@sha256:…
	@$(PYTHON) -m release build $(if $(BASE),--base $(BASE))

##@ Benchmarks

BENCHMARKS := idle scale coldstart cluster source verify verdict rollout diagnose
bench: $(addprefix bench-,$(BENCHMARKS)) ## All of them; figures also in build/bench/NAME.json
bench-%: venv ## One of them: idle, scale, coldstart, cluster, source, verify, verdict, rollout, diagnose
	@$(PYTHON) -m benchmarks.$*

.PHONY: help venv python lock demo cluster cluster-down cluster-status kubeconfig test lint test-unit test-api test-e2e test-serve test-upgrade test-long corpus format sbom audit release bench
