# make help
# Any Python 3.10 to 3.12 will do: make PYTHON=/path/to/python train
FITS := import sys, venv; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))
PYTHON ?= $(shell for python in python3.12 python3.11 python3.10 python3 python; do \
	$$python -c '$(FITS)' 2>/dev/null && { echo $$python; break; }; done)
BIN := .venv/bin
READY := .venv/ready

.DEFAULT_GOAL := help
.PHONY: help install train test test-slow lint format clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(READY)  ## make .venv and install everything into it
$(READY): setup.cfg pyproject.toml
	@test -n "$(PYTHON)" && $(PYTHON) -c '$(FITS)' || { \
		echo "avsync needs Python 3.10 to 3.12 and found none; name one: make PYTHON=/path/to/python" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -e '.[dev]'
	@# the same OpenCV without windows: servers and containers have no libGL
	$(BIN)/python -m pip uninstall -q -y opencv-contrib-python opencv-contrib-python-headless
	$(BIN)/python -m pip install -q --no-deps 'opencv-contrib-python-headless==4.11.*'
	@touch $@

train: $(READY)  ## draw talking heads, train SyncNet on them, measure it on unseen ones
	$(BIN)/python train.py model=syncnet

PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test: $(READY)  ## the tests, in less than ten minutes on 2 cores
	$(PYTEST) -m 'not slow'

test-slow: $(READY)  ## the tests that take minutes each; CI runs them too
	$(PYTEST) -m slow

lint: $(READY)  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)  ## put the style right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove .venv and caches; data and runs stay
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache
