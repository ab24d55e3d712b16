# The few commands of this project. `make run` and `make test` do all the set-up they need.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
BIN := .venv/bin

.PHONY: run test setup setup-test lint prove bench docs clean
.DEFAULT_GOAL := run

run: setup            ## set up and open the demo
	@$(BIN)/mayday demo

setup:                ## make .venv with what running needs
	@test -n "$(PYTHON)" || { echo "mayday: Python 3.11 or 3.12 is needed: sudo apt-get install python3.11 python3.11-venv" >&2; exit 2; }
	@$(PYTHON) deploy/setup.py

setup-test:           ## the same, with what the tests need
	@test -n "$(PYTHON)" || { echo "mayday: Python 3.11 or 3.12 is needed: sudo apt-get install python3.11 python3.11-venv" >&2; exit 2; }
	@$(PYTHON) deploy/setup.py --test
	@sh deploy/need.sh chromium curl libatomic.so.1=libatomic1

lint: setup-test      ## ruff, mypy, import-linter, generated documents up to date
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m docs.generate --check

test: lint            ## everything that has to hold, with small seeded counts
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

prove: setup-test     ## full counts, one part at a time: make prove PART=durability (or: all)
	@$(BIN)/python -m benchmarks.prove $(PART)

bench: setup-test     ## our speed beside the peers, as ratios, into docs/benchmarks.md
	@$(BIN)/python -m benchmarks.report

docs: setup-test      ## write docs/reference and manifest.yaml anew
	@$(BIN)/python -m docs.generate

clean:
	rm -rf .venv mayday-state
