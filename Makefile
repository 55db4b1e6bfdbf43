# Needs Python 3.11 (3.11 to 3.13 for .venv) and make; everything else is installed here.
PYTHON ?= python3.11
VENV := .venv
ADDONS := .venv-addons
PEERS := .venv-peers
STAMP := .installed
# Two processes: a third would only wait for memory and cores of a small machine. Each
# begins with one half and takes from the other at the end, so that few modules are split
# and make what their tests share twice.
PYTEST := -m pytest -q -n 2 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint bench

help:
	@echo "make demo   trains, scores, exports, serves and shows a U-Net on real images"
	@echo "make test   runs the tests, on today's stack and on that of TensorFlow Addons"
	@echo "make test-all  the same with the tests that take minutes"
	@echo "make lint   checks style and types"
	@echo "make bench  measures beside the peers, and writes to benchmarks/results"

demo: $(VENV)/$(STAMP)
	@$(VENV)/bin/keras-unet demo --out demo

test: $(VENV)/$(STAMP) $(ADDONS)/$(STAMP)
	@echo "== Tests on today's TensorFlow and Keras"
	$(VENV)/bin/python $(PYTEST)
	@echo "== Tests on TensorFlow 2.15, Keras 2.15 and TensorFlow Addons"
	$(ADDONS)/bin/python $(PYTEST)
	@echo "All tests passed on both stacks. A test that is skipped says why: add -rs to"
	@echo "$(VENV)/bin/python -m pytest"

test-all: $(VENV)/$(STAMP) $(ADDONS)/$(STAMP)
	$(VENV)/bin/python $(PYTEST) -m ""
	$(ADDONS)/bin/python $(PYTEST) -m ""

lint: $(VENV)/$(STAMP)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

# Each can be run alone, with settings: see their docstrings.
bench: $(VENV)/$(STAMP) $(PEERS)/$(STAMP) $(ADDONS)/$(STAMP)
	$(VENV)/bin/python benchmarks/training_speed.py
	$(VENV)/bin/python benchmarks/training_speed.py --base-filters 32 --seconds 30
	$(VENV)/bin/python benchmarks/training_speed.py --variant paper --base-filters 64 \
		--seconds 30
	$(VENV)/bin/python benchmarks/step_settings.py
	$(VENV)/bin/python benchmarks/inference_speed.py
	$(VENV)/bin/python benchmarks/convolution_peak.py
	$(VENV)/bin/python benchmarks/start_up.py
	$(VENV)/bin/python benchmarks/tile_stream.py
	$(VENV)/bin/python benchmarks/augmentation_peers.py
	$(VENV)/bin/python benchmarks/training_input.py
	$(VENV)/bin/python benchmarks/training_input.py --base-filters 64 --steps 3
	$(VENV)/bin/python benchmarks/step_memory.py
	$(VENV)/bin/python benchmarks/run_memory.py
	$(VENV)/bin/python benchmarks/prediction_memory.py
	$(VENV)/bin/python benchmarks/prediction_speed.py
	$(VENV)/bin/python benchmarks/prediction_folder.py
	$(VENV)/bin/python benchmarks/prediction_large.py
	$(VENV)/bin/python benchmarks/tiling_peers.py
	$(VENV)/bin/python benchmarks/serving_latency.py
	$(VENV)/bin/python benchmarks/serving_load.py
	$(VENV)/bin/python benchmarks/serving_slow_clients.py
	$(VENV)/bin/python benchmarks/serving_memory.py
	$(VENV)/bin/python benchmarks/serving_malformed.py
ifdef KERAS_UNET_TEST_DATA
	for set in isbi2012 u373 dsb2018_fluo; do \
		$(VENV)/bin/python benchmarks/accuracy.py --set $$set && \
		$(VENV)/bin/python benchmarks/accuracy_peers.py --set $$set || exit 1; \
	done
	$(VENV)/bin/python benchmarks/accuracy.py --set u373 --ignore-border 50
	$(VENV)/bin/python benchmarks/end_to_end.py
else
	@echo "Accuracy is left out: KERAS_UNET_TEST_DATA names no folder of the sets that"
	@echo "docs/accuracy.md describes."
endif
	$(VENV)/bin/python benchmarks/tables.py

$(VENV)/$(STAMP): setup.py
	@echo "== Installing into $(VENV) (TensorFlow is large: some minutes)"
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check -e ".[test,dev]"
	@touch $@

$(ADDONS)/$(STAMP): setup.py
	@echo "== Installing into $(ADDONS) (TensorFlow 2.15 with TensorFlow Addons)"
	@$(PYTHON) -m venv $(ADDONS)
	@$(ADDONS)/bin/pip install --quiet --disable-pip-version-check -e ".[addons,test]"
	@touch $@

$(PEERS)/$(STAMP): benchmarks/peers.txt
	@echo "== Installing into $(PEERS) what the figures are measured against"
	@$(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/pip install --quiet --disable-pip-version-check -r benchmarks/peers.txt
	@# A package of our name: beside the others, for a process of its own.
	@$(PEERS)/bin/pip install --quiet --disable-pip-version-check --no-deps --upgrade \
		--target $(PEERS)/keras_unet_012 keras-unet==0.1.2
	@# On our TensorFlow and Keras, and its U-Net needs nothing else.
	@$(PEERS)/bin/pip install --quiet --disable-pip-version-check --no-deps --upgrade \
		--target $(PEERS)/medicai medicai==0.0.4
	@touch $@
