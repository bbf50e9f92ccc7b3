# Every command works first on a bare machine: Python 3.11 or newer is all it needs.
PYTHON ?= python3
BIN := .venv/bin
# The machine's own certificate store is used, so that a company's proxy works.
UV := UV_SYSTEM_CERTS=true $(BIN)/uv
# Nothing of a test looks for models elsewhere.
OFFLINE := HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1

# What is imported is compiled once, also where the environment forbids it: tests start hundreds of processes.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo test soak worker test-worker test-ray lint format serve docs bench image clean lock

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | awk -F'|' '{printf "  make %-11s %s\n", $$1, $$2}'

demo: .venv/.demo ## draw pictures through every simulated provider, and say where they are
	$(BIN)/python scripts/demo.py

test: .venv/.dev lint ## every check and every test; what CI runs
	$(BIN)/python -m pytest -n 2 -q

worker: .venv/.worker ## what draws with real models: torch, diffusers; `make demo` uses it when it is there

test-worker: .venv/.dev .venv/.worker ## real denoising on the CPU, from the engine to the gateway; what CI runs too
	$(BIN)/basedpyright -p pyrightconfig.worker.json
	$(OFFLINE) $(BIN)/python -m pytest -q tests/diffusion tests/tiny tests/worker_gateway

test-ray: .venv/.dev .venv-ray/.ready ## two workers as replicas of Ray Serve behind a gateway; Ray is 470 MB
	$(BIN)/basedpyright -p pyrightconfig.ray.json
	$(BIN)/python -m pytest -q tests/ray

soak: .venv/.dev ## races and kills again and again, for a quarter of an hour
	$(BIN)/python -m pytest -q -m soak
	$(BIN)/python -m bench.soak

lint: .venv/.dev ## format, lint, types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/basedpyright

format: .venv/.dev ## put the code in shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

serve: .venv/.demo ## the gateway on port 8080, with simulated providers
	$(BIN)/easel serve --simulate

docs: .venv/.demo ## a page for each model, what every provider does with every parameter, in docs-output
	$(BIN)/easel models --offline --pages docs-output

bench: .venv/.dev ## the figures: latency, CPU per request, memory, against two bare proxies
	$(BIN)/python -m bench

image: ## build the container image by its real steps and start it, without Docker; root on Debian
	scripts/check_image.sh

clean: ## remove what these commands made here
	rm -rf .venv .venv-ray .pytest_cache .ruff_cache .hypothesis .import_linter_cache demo-output docs-output bench-output dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

lock: .venv/.dev ## resolve the requirement locks again
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate pyproject.toml -o requirements/base.txt
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate pyproject.toml --extra otel -o requirements/otel.txt
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate pyproject.toml --group demo -o requirements/demo.txt
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate pyproject.toml --group dev -o requirements/dev.txt
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate pyproject.toml --extra worker -c requirements/dev.txt --overrides requirements/torch-elsewhere.txt -o requirements/worker.txt
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate pyproject.toml --extra ray -c requirements/worker.txt -o requirements/ray.txt

.venv/.uv: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Easel needs Python 3.11 or newer; name one: make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

.venv/.demo: .venv/.uv requirements/demo.txt pyproject.toml
	$(UV) pip install -q --python $(BIN)/python --require-hashes -r requirements/demo.txt
	$(UV) pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

.venv/bin/promtool: scripts/promtool.sh .venv/.uv
	scripts/promtool.sh $@

.venv/.dev: .venv/.demo requirements/dev.txt .venv/bin/promtool
	$(UV) pip install -q --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@touch $@

# torch by plain pip, which takes the build that this machine's indexes have; the rest is locked and knows nothing of it.
.venv/.worker: .venv/.demo requirements/torch.txt requirements/worker.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements/torch.txt
	$(UV) pip install -q --python $(BIN)/python --no-deps --require-hashes -r requirements/worker.txt
	@touch $@

# An environment of its own: what Ray brings along is nobody else's business.
.venv-ray/.ready: .venv/.uv requirements/ray.txt requirements/demo.txt pyproject.toml
	$(UV) venv -q --clear --python $(BIN)/python .venv-ray
	$(UV) pip install -q --compile-bytecode --python .venv-ray/bin/python --require-hashes -r requirements/ray.txt
	$(UV) pip install -q --python .venv-ray/bin/python --no-deps --build-constraints requirements/demo.txt -e .
	@touch $@
