# The README's commands. Every target sets up what it needs; a second run costs seconds.
VENV  := .venv
PY    := $(VENV)/bin/python
PORT  ?= 8000
DATA  ?=
SPECIES ?=
HOME_OF_RUN := $(if $(DATA),own,demo)
UV    := $(shell command -v uv 2>/dev/null || echo $(VENV)-uv/bin/uv)
STAMP := $(VENV)/.complete
export PYTHONUNBUFFERED := 1

.PHONY: env run test test-slow check bench format

env: $(STAMP)

$(UV):
	python3 -m venv $(VENV)-uv
	$(VENV)-uv/bin/pip install --quiet --disable-pip-version-check 'uv>=0.9,<1'

$(STAMP): pyproject.toml uv.lock | $(UV)
	@echo "Setting up .venv (about 3 GB to download the first time: PyTorch builds the models; serving needs none of it)"
	$(UV) sync --frozen --extra cpu --extra export --extra training
	@touch $@

run: env
	$(PY) -m export demo --out artifacts/$(HOME_OF_RUN) $(if $(DATA),--annotations $(DATA)) $(if $(SPECIES),--species "$(SPECIES)")
	$(PY) -m service --root artifacts/$(HOME_OF_RUN) --port $(PORT)

test: env
	$(PY) -m pytest -m "not slow"

test-slow: env
	$(PY) -m pytest -m slow

check: env
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

format: env
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

bench: env
	$(PY) -m benchmarks
