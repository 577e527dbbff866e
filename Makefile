# Every task of the project. `make` lists them.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
# A hundred processes of the node are started by the tests: none compiles the project anew.
unexport PYTHONDONTWRITEBYTECODE
.NOTPARALLEL:
.PHONY: help setup demo test peers lint types imports bench soak faults fuzz fmt dictionary sources docs screenshots wheel clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

setup: $(STAMP)  ## make .venv with the project and its tools

$(STAMP): pyproject.toml .ci/venv
	@.ci/venv $(VENV)
	@touch $@

demo: setup  ## run the main job on real input; KEEP=1 leaves it running
	@$(BIN)/python demo/demo.py $(if $(KEEP),--keep)

test: setup peers lint types imports  ## all checks and all tests; ARGS="-k name" for some
	@echo "== tests"
	@$(BIN)/pytest -n 4 --dist loadfile $(ARGS)

peers:  # the DICOM programs of other projects that the tests talk to
	@tests/install_peers.sh

lint: setup  ## ruff
	@echo "== lint"
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

types: setup  ## mypy --strict
	@echo "== types"
	@$(BIN)/mypy

imports: setup  # the layers of the packages
	@echo "== import contracts"
	@$(BIN)/lint-imports

bench: setup peers  ## the benchmarks, one after the other
	@for script in tests/bench/bench_*.py; do \
	  echo "== $$script"; $(BIN)/python "$$script" || exit 1; \
	done

soak: setup  ## load with faults without end, MINUTES=10: nothing lost, memory flat
	@$(BIN)/python tests/soak/soak.py --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))

faults: setup peers  ## the fault tests with many seeds, SEEDS=10; writes the table of docs/reliability.md
	@ATLAS_FAULT_SEEDS=$(or $(SEEDS),10) ATLAS_FAULT_TABLE=docs/reliability.md \
	  $(BIN)/pytest tests/fault -q

fuzz: setup  ## fuzz the annotation engine, SECONDS=60
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[fuzz]'
	@$(BIN)/python tests/fuzz/fuzz_annotate.py --seconds $(or $(SECONDS),60)

fmt: setup  ## format the code and mend what ruff can
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

dictionary: setup  ## compile the built-in dictionary from its sources
	@$(BIN)/atlas-dict build dictionary/sources/*.tsv -o dictionary/atlas_dictionary/data/atlas.adict

sources: setup  ## write dictionary/sources again from DATA=folder of what was published
	@$(BIN)/python dictionary/sources/make_sources.py $(DATA)

docs: setup  ## write the generated tables into docs/
	@$(BIN)/python -m atlas_node.config docs/configuration.md

screenshots: setup peers  ## take the pictures of the viewer in docs/screenshots
	@$(BIN)/python -m tests.browser.screenshots

wheel: setup  ## build the wheel into dist/
	@$(BIN)/python -m build --wheel

clean:  ## remove what was built; .venv stays
	@rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find atlas_node dictionary scraper tests -name __pycache__ -prune -exec rm -rf {} +
