# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

PYTHON ?= $(shell command -v python3.11 || command -v python3)
COLLECTION := .build/collections/ansible_collections/ganeti/autorepair
SHIPPED := plugins roles playbooks extensions meta changelogs galaxy.yml README.md
PINS := requirements/dev.txt
PAGES := .build/pages
BIOME := .build/web/node_modules/.bin/biome
NPM := npm --cache $(CURDIR)/.build/npm --no-audit --no-fund --no-update-notifier

# Nothing that runs from here reads, or leaves, an installed copy of the collection.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.build/collections
export ANSIBLE_HOME := $(CURDIR)/.build/ansible
export LC_ALL := C.UTF-8
export PYTHONDONTWRITEBYTECODE := 1

QUIET := python tests/tools/quiet.py
PYTEST := python -m pytest -rs --no-fold-skipped

.PHONY: help setup links test test-all test-long bench demo lint sanity unit simulated contract contract-down molecule lab-test lab-down systems vm-up vm-test vm-first vm-second vm-down vm-second-down lock clean

help:  ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.pins links  ## Create .venv with the pinned tools, and let ansible find the working tree

links:  # what shows ansible the working tree
	@mkdir -p $(COLLECTION) && cd $(COLLECTION) && for name in $(SHIPPED); do \
	  [ -e $$name ] || ln -sfn ../../../../../$$name .; \
	done  # never for a moment without: others may be reading

test:  ## Run lint, sanity and the tests, with times and a summary; an hour or more
	@$(PYTHON) tests/tools/suite.py setup lint sanity unit simulated molecule contract contract-down --beside lab-test lab-down

test-all: test  ## Run test, then real Ganeti 3.1 of Debian 13 and other systems; half an hour more
	@DEBIAN=trixie $(PYTHON) tests/tools/suite.py setup contract lab-test lab-down systems

demo: setup  ## Repair a small simulated cluster, step by step
	@python tests/demo/run.py

lint: setup  ## Style, types, documentation, licences
	@$(MAKE) --no-print-directory --keep-going -j2 $(GATES)

sanity: setup  ## ansible-test sanity
	@$(QUIET) $@ "ansible-test of modules, their documentation and imports" python tests/tools/sanity.py

unit: setup  ## Unit tests
	@$(PYTEST) tests/unit

simulated: setup  ## Rounds on the simulated cluster, in virtual time
	@$(PYTEST) tests/simulated

test-long: setup  ## The stateful test, with thousands of random examples
	@AUTOREPAIR_LONG=1 $(PYTEST) tests/simulated/test_stateful.py

bench: setup  ## Measure speed, compared with harep and Ganeti itself; writes docs/benchmarks.md; half an hour
	@PYTHONPATH=tests:$(CURDIR)/.build/collections python -m bench

contract: setup  ## Compare the simulated cluster with real Ganeti
	@$(PYTEST) tests/contract

molecule: setup  ## Playbooks and role, run by molecule
	@$(QUIET) $@ "playbooks and role" molecule --base-config extensions/molecule/config.yml test --all

ifdef DEBIAN  # whose Ganeti the lab runs; its cluster is one of its own
export GANETI_LAB_DEBIAN := $(DEBIAN)
export GANETI_LAB_STATE_DIR := /var/tmp/ganeti-autorepair-$(DEBIAN)
export GANETI_LAB_PREFIX := gar$(DEBIAN)
export GANETI_LAB_NETWORK := 10.198.3.0/24
else
contract contract-down: export GANETI_LAB_STATE_DIR := /var/tmp/ganeti-autorepair-contract
contract contract-down: export GANETI_LAB_PREFIX := garpact
contract contract-down: export GANETI_LAB_NETWORK := 10.198.2.0/24
endif

contract-down: setup  # takes down the cluster that the contract has had beside that of the other tests
	@PYTHONPATH=tests python tests/tools/lab_down.py

lab-test: setup  ## Tests against real Ganeti (root on Debian; skipped elsewhere)
	@$(PYTEST) tests/scenarios

lab-down: setup  ## Remove the lab of real Ganeti nodes that the tests have left
	@PYTHONPATH=tests python tests/tools/lab_down.py

systems: setup  ## The README's commands on other systems, by debootstrap (root on Debian); not part of test
	@$(PYTEST) --durations=0 --durations-min=5 tests/systems

vm-up: setup  ## Boot virtual machines with real LVM and DRBD (root on Debian); the first time, build their image
	@PYTHONPATH=tests python -m vmlab up

vm-test:  ## Tests on two such clusters: whether data survives; a quarter of an hour, not part of test
	@$(PYTHON) tests/tools/suite.py setup vm-first --beside vm-second

VM_SECOND := tests/vmscenarios/test_second_death.py tests/vmscenarios/test_stale_copy.py
VM_PYTEST := $(PYTEST) --durations=0 --durations-min=5
vm-second vm-second-down: export GANETI_VMLAB_STATE_DIR := $(CURDIR)/.build/vmlab-second
vm-second vm-second-down: export GANETI_VMLAB_PREFIX := garvmtwo
vm-second vm-second-down: export GANETI_VMLAB_NETWORK := 10.196.0

vm-first: setup
	@$(VM_PYTEST) tests/vmscenarios $(VM_SECOND:%=--ignore=%)

vm-second: setup
	@$(VM_PYTEST) $(VM_SECOND)

vm-down: setup vm-second-down  ## Stop them; their images and fresh clusters stay in .build
	@PYTHONPATH=tests python -m vmlab down

vm-second-down: setup
	@PYTHONPATH=tests python -m vmlab down

GATES := ruff-check ruff-format mypy vermin biome ansible-lint docs module-pages changelog reuse shellcheck workflows
.PHONY: $(GATES)

ruff-check:
	@$(QUIET) $@ "common mistakes in Python" ruff check --quiet --output-format=concise

ruff-format:
	@$(QUIET) $@ "layout of Python" ruff format --quiet --diff

mypy:
	@$(QUIET) $@ "types of the collection and of the tests' packages" mypy

vermin:  # with which Python the language and the standard library suffice
	@$(QUIET) $@ "Python 3.9 for what is sent to other machines, 3.10 for Ansible's own" sh -c \
	  "vermin -t=3.9- --violations --no-tips --no-parse-comments plugins/modules plugins/module_utils \
	  && vermin -t=3.10- --violations --no-tips --no-parse-comments plugins/action plugins/plugin_utils plugins/doc_fragments"

biome: $(BIOME)
	@$(QUIET) $@ "common mistakes and layout of the report's CSS and JavaScript" \
	  $(BIOME) check --error-on-warnings plugins/plugin_utils/report/templates

ansible-lint:
	@$(QUIET) $@ "playbooks, roles and metadata" ansible-lint -q --nocolor

docs:
	@$(QUIET) $@ "documentation of modules and role" \
	  env HOME=$(CURDIR)/.build antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs=all --skip-rstcheck $(COLLECTION)

module-pages:
	@install -d -m 755 $(PAGES)/rst  # antsibull-docs takes no folder that others may write to
	@$(QUIET) $@ "pages of modules and roles, as HTML" sh -c \
	  "antsibull-docs collection --use-current --squash-hierarchy --fail-on-error --no-add-antsibull-docs-version \
	    --cleanup everything --dest-dir $(PAGES)/rst ganeti.autorepair \
	  && sphinx-build -b html -c tests/tools/pages -d $(PAGES)/doctrees --fresh-env --write-all --fail-on-warning --keep-going --quiet \
	    $(PAGES)/rst $(PAGES)/html"

changelog:
	@$(QUIET) $@ "changelog fragments" antsibull-changelog lint

reuse:
	@$(QUIET) $@ "licence of every file" reuse lint --lines

shellcheck:
	@$(QUIET) $@ "shell scripts" sh -c \
	  "git grep --untracked -lE '^#(!/bin/(ba)?sh| shellcheck shell=)' -- ':!*.py' ':!*.md' | xargs -r shellcheck"

workflows:
	@$(QUIET) $@ "workflows of GitHub" check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml

.venv/.pins: $(PINS)
	@echo "Installing the tools into .venv; this takes a few minutes."
	@$(PYTHON) tests/tools/quiet.py setup "virtual environment .venv from $(PINS)" \
	  $(PYTHON) tests/tools/make_venv.py .venv $(PINS)
	@touch $@

$(BIOME): requirements/package-lock.json
	@install -d .build/web && cp requirements/package*.json .build/web
	@$(QUIET) setup "linter of CSS and JavaScript from $<" $(NPM) --prefix .build/web ci
	@touch $@

lock: setup  ## Update the pinned versions from requirements/dev.in and package.json
	@$(PYTHON) tests/tools/quiet.py lock "newest versions" \
	  $(PYTHON) tests/tools/make_venv.py .build/lock requirements/dev.in
	@head -n 4 $(PINS) > .build/pins && .build/lock/bin/pip freeze >> .build/pins && mv .build/pins $(PINS)
	@$(NPM) --prefix requirements update --package-lock-only --omit-lockfile-registry-resolved

clean:  ## Remove everything that make has created
	@rm -rf .venv .build .ansible .hypothesis
