# MLC Explorer. `make run` and `make test` need Python 3.11, make and a C compiler, and set the rest up.

SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin

# Only from the command line (`make run HOST=0.0.0.0 PORT=8502`): some shells export a HOST of their own,
# and no such accident may open the app to the network.
given = $(if $(filter command line,$(origin $(1))),$($(1)))
host = $(or $(call given,HOST),$(MLC_EXPLORER_HOST))
port = $(or $(call given,PORT),$(MLC_EXPLORER_PORT))

.PHONY: help run test bench snapshots picture lint

help:
	@echo "make run        set up what is missing and serve on 127.0.0.1:8501"
	@echo "                HOST=0.0.0.0 opens it to other machines, PORT=8502 moves it"
	@echo "make test       set up what is missing and run all tests, browser tests included"
	@echo "make bench      print the benchmarks' tables"
	@echo "make snapshots  write the golden screenshots anew"
	@echo "make picture    make the README's picture anew"
	@echo "make lint       check the style"

run: $(VENV)/.run-stamp
	@MLC_EXPLORER_HOST="$(host)" MLC_EXPLORER_PORT="$(port)" exec $(BIN)/python app.py

test: $(VENV)/.test-stamp
	@scripts/install-system.sh
	@$(BIN)/pytest

bench: $(VENV)/.test-stamp
	@$(BIN)/python -m benchmarks

snapshots: $(VENV)/.test-stamp
	@scripts/install-system.sh
	@$(BIN)/pytest -m browser --update-golden

picture: $(VENV)/.test-stamp
	@scripts/install-system.sh
	@$(BIN)/python -m scripts.picture

lint: $(VENV)/.test-stamp
	@$(BIN)/ruff check .

# A stamp is newer than the lists it was made from, so that a second run starts at once.
$(VENV)/.run-stamp: requirements.txt scripts/setup.sh
	@scripts/setup.sh $(VENV) requirements.txt && touch $@

$(VENV)/.test-stamp: requirements.txt requirements-dev.txt scripts/setup.sh
	@scripts/setup.sh $(VENV) requirements-dev.txt && touch $@
