# Frontdesk. `make up` starts it, `make test` tests everything, `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NODE_MODULES := connector-node/node_modules
PAGE_MODULES := ai-backend/node_modules
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PUPPETEER_SKIP_DOWNLOAD := 1

.PHONY: pictures texts chaos chaos-sabotage soak soak-sabotage help up down status logs try demo test quick lint bench bench-long lock clean servers browser

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

up: $(VENV)/.runtime $(NODE_MODULES)/.installed browser ## start everything, or bring it up to date; prints the page's address and the QR code
	@$(BIN)/frontdesk up

down: ## stop everything
	@test -x $(BIN)/frontdesk && $(BIN)/frontdesk down || echo "nothing is running"

status: ## what runs, and the page's address
	@$(BIN)/frontdesk status

logs: ## follow the logs
	@tail -n 40 -F var/log/*.log

try: $(VENV)/.runtime ## judge a chat that your phone exported, storing nothing: make try CHAT="~/Downloads/WhatsApp Chat with Ada.zip" [ME="your name in it"]
	@test -n "$(CHAT)" || { echo 'say which: make try CHAT="~/Downloads/WhatsApp Chat with Ada.zip"'; exit 1; }
	@$(BIN)/frontdesk import --dry-run $(if $(ME),--me "$(ME)") -- "$(patsubst ~%,$(HOME)%,$(CHAT))"

demo: $(VENV)/.dev $(NODE_MODULES)/.installed browser ## the whole desk against a stand-in for WhatsApp, without a phone
	@$(BIN)/python -m tests.support.demo

pictures: $(VENV)/.dev browser ## the pictures of the pages for README and docs
	$(BIN)/python -m tests.support.pictures

texts: $(VENV)/.dev ## the catalogues of the pages' texts, as the templates have them now
	@mkdir -p var
	$(BIN)/pybabel -q extract -F pyproject.toml --no-location --sort-output --omit-header -o var/texts.pot ai-backend/frontdesk/web/templates ai-backend/frontdesk/web/pages
	$(BIN)/pybabel -q update --no-fuzzy-matching --omit-header --ignore-obsolete -i var/texts.pot -o ai-backend/frontdesk/web/locale/tr.po -l tr

test: $(VENV)/.dev $(NODE_MODULES)/.installed servers lint ## everything that CI runs
	cd connector-node && npm test --silent
	$(BIN)/python -m pytest -n auto -m "not servers and not chaos and not soak and not sabotage"
	$(BIN)/python -m pytest -m "(servers or chaos or soak) and not sabotage"
	$(BIN)/python -m benchmarks --tiny > /dev/null

chaos: $(VENV)/.dev servers ## ten minutes of a storm over the whole system
	$(BIN)/python -m pytest tests/chaos/test_chaos.py -s --chaos-seconds 600

chaos-sabotage: $(VENV)/.dev servers ## whether the storm would notice four ways to break the promise
	$(BIN)/python -m pytest tests/chaos/sabotage -m sabotage

soak: $(VENV)/.dev $(NODE_MODULES)/.installed servers ## half an hour of a storm over the connector, 20,000 messages
	$(BIN)/python -m pytest tests/connector/test_soak.py -s --soak-seconds 1800

soak-sabotage: $(VENV)/.dev $(NODE_MODULES)/.installed servers ## whether that storm would notice two ways to break the connector
	$(BIN)/python -m pytest tests/connector/sabotage -m sabotage

quick: $(VENV)/.dev $(NODE_MODULES)/.installed lint ## for every commit: some minutes, no servers
	cd connector-node && npm test --silent
	$(BIN)/python -m pytest -n auto -m "not browser and not servers and not chaos and not soak and not sabotage" --store sqlite

lint: $(VENV)/.dev $(NODE_MODULES)/.installed ## style, types
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy --no-error-summary
	cd connector-node && npm run --silent lint

bench: $(VENV)/.dev servers ## every measurement, as ratios within the same run
	$(BIN)/python -m benchmarks

bench-long: $(VENV)/.dev servers ## growth to ten million stored messages: half an hour, 20 GB of disk
	$(BIN)/python -m benchmarks --long

lock: $(VENV)/.dev ## renew the lock files
	cd ai-backend && for extra in build dev; do \
	  target=requirements$$([ $$extra = dev ] && echo -dev).txt; \
	  ../$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	    --no-emit-index-url --upgrade --extra $$extra ../pyproject.toml -o $$target; done
	for folder in connector-node ai-backend; do (cd $$folder && npm update --package-lock-only && node ../scripts/plain-lock.mjs) || exit 1; done

clean: down ## remove what can be made again; data under var/ stays
	rm -rf $(VENV) $(NODE_MODULES) $(PAGE_MODULES) .mypy_cache .ruff_cache .hypothesis

servers: browser
	@scripts/system-packages.sh chromium-headless-shell:chromium-headless-shell mariadbd:mariadb-server /usr/lib/rabbitmq/bin/rabbitmq-server:rabbitmq-server faketime:faketime firefox-esr:firefox-esr WebKitWebDriver:webkit2gtk-driver Xvfb:xvfb

browser: $(NODE_MODULES)/.installed
	@scripts/browser.sh

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || scripts/system-packages.sh :python3-venv
	@echo "• making the virtual environment"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: ai-backend/requirements.txt pyproject.toml $(PAGE_MODULES)/.installed | $(VENV)/bin/python
	@echo "• installing Python packages (about half a minute)"
	@$(BIN)/pip install -qq --require-hashes -r ai-backend/requirements.txt
	@$(BIN)/pip install -qq --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: ai-backend/requirements-dev.txt $(VENV)/.runtime
	@echo "• installing the tools for development"
	@$(BIN)/pip install -qq --require-hashes -r ai-backend/requirements-dev.txt
	@touch $@

$(PAGE_MODULES)/.installed: ai-backend/package-lock.json
	@node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' || { echo "Node 20 or newer is needed" >&2; exit 1; }
	@cd ai-backend && npm ci --no-audit --no-fund --loglevel=error > /dev/null
	@touch $@

$(NODE_MODULES)/.installed: connector-node/package-lock.json
	@node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' || { echo "Node 20 or newer is needed" >&2; exit 1; }
	@echo "• installing Node packages (about half a minute)"
	@cd connector-node && npm ci --no-audit --no-fund --loglevel=error > /dev/null
	@touch $@
