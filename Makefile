# Everything a checkout can do. `make` alone lists it. Needs python 3.11 to 3.13, make and git.

STAGE ?= dev
# Set PYTHON to choose the interpreter; otherwise a suitable one is looked for on the PATH.
PYTHON ?=
RUN := .venv/bin/python -m
STAMP := .venv/requirements.sha256
# The other end of the Pythons that are supported, and an environment of it.
FAR_END = $$(.venv/bin/python -c 'import sys; print("3.13" if sys.version_info < (3, 13) else "3.11")')
OTHER := .venv-other/made
# What `chalice package` puts beside requirements.txt.
AROUND := chalice
# Processes that test: one more than cores, as a third of the time is waiting.
WORKERS := $(shell expr 1 + $$(getconf _NPROCESSORS_ONLN))
# Python 3.11 would need a tracer, which now and then ends a thread that is about to begin.
COVERAGE = $$(.venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 12))' && \
	echo --cov --cov-report=term-missing:skip-covered --line-coverage=97)
# Tests of the inner loop: `make test T=tests/store K=lease`.
T ?=
K ?=
# What a change is told of within a minute: nothing here waits, listens or starts a process.
FAST := tests/test_layers.py tests/core tests/store
# Whole deployments, again and again: minutes each, so a target of their own.
RESTORING := tests/deploy/test_restore.py tests/deploy/test_documented.py
# What SIZE=large makes more of.
ATTACKS := tests/attacks tests/races tests/simulation tests/contract
BUDGET ?= 900

.DEFAULT_GOAL := help
.PHONY: help run demo check test test-all test-large other test-restore test-samples test-tenants test-api simulate chaos lint format types layers bench documents stage package deploy undeploy restore clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

run: $(STAMP) ## start the whole gateway on this machine (PORT, SIMULATOR_PORT, AWS_PORT, NETEASE_PORT, INTERLINE_PORT)
	@exec $(RUN) simulator run

demo: $(STAMP) ## bind, call, get events, records and a recording from a running `make run`
	@exec $(RUN) simulator demo

check: $(STAMP) ## a minute: format, lint, types, layers, and the tests of core and store
	@$(MAKE) -s -j2 lint types
	@exec $(RUN) pytest --quiet --no-header -n 2 --dist loadfile $(FAST)

ifneq ($(strip $(T)$(K)),)
# The other environment is for one module: nobody else waits until it is made.
test: $(STAMP) $(if $(findstring cold_worker,$(T)),other)
	@exec $(RUN) pytest $(or $(T),tests) $(if $(K),-k '$(K)')
else
test: other ## the whole gate: lint, types, tests with coverage; T=path and K=expression for a part
	@$(MAKE) -s -j2 lint types
	@[ -n "$(COVERAGE)" ] || echo "no lines are counted: $$(.venv/bin/python -V) is older than 3.12"
	@exec $(RUN) pytest -p tests.line_coverage tests $(addprefix --ignore=,$(RESTORING)) -n $(WORKERS) \
		--dist loadfile --no-loadscope-reorder $(COVERAGE)
endif

test-all: export SIZE := large
test-all: ## everything, in large sizes, one after the other: hours, for a quiet machine at night
	@$(MAKE) test && $(MAKE) test-restore && $(MAKE) test-tenants && $(MAKE) simulate && \
		$(MAKE) chaos

test-large: $(STAMP) ## as much of the large attacks as BUDGET seconds allow, in an order by SEEDS
	@SIZE=large exec $(RUN) pytest --no-header -n $(WORKERS) --dist loadfile --no-loadscope-reorder \
		--budget=$(BUDGET) $(ATTACKS)

test-restore: $(STAMP) ## backups, moments and older code put back on the stand-in, and the document's lines
	@exec $(RUN) pytest --verbose $(RESTORING)

test-samples: $(STAMP) ## run the vendor's own sample clients, cut out of VENDOR_DOCS (Java, PHP, C#)
	@exec $(RUN) tests.samples.run

test-tenants: $(STAMP) ## what two tenants see, whatever is reported in whatever order (INTERLEAVINGS, SEEDS, ORDER)
	@if [ -z "$$SEEDS" ]; then export INTERLEAVINGS="$${INTERLEAVINGS:-1000}"; fi; \
		exec $(RUN) pytest --verbose --no-header -n 2 --dist load tests/attacks/test_tenants.py

test-api: $(STAMP) ## CASES requests made of the OpenAPI document, and every answer held against it (SEEDS, LINKS_S, API_MAX_S)
	@CASES=$${CASES:-20000} exec $(RUN) pytest --no-header -rP tests/rest/test_schemathesis.py

simulate: $(STAMP) ## rival processes step by step: random schedules and all interleavings (SCHEDULES, SEED)
	@$(RUN) tests.simulation random --schedules $${SCHEDULES:-20000} --seed $${SEED:-0}; \
		random=$$?; $(RUN) tests.simulation all && exit $$random

chaos: $(STAMP) ## kill and stop processes of a running stack under clients (MINUTES, CLIENTS, SEED)
	@exec $(RUN) tests.chaos --minutes $${MINUTES:-5} --clients $${CLIENTS:-8} --seed $${SEED:-1}

lint: $(STAMP) ## ruff: rules and format
	@$(RUN) ruff check --quiet .
	@$(RUN) ruff format --quiet --check --diff .

format: $(STAMP) ## let ruff write the format and the simple fixes
	@$(RUN) ruff check --fix .
	@$(RUN) ruff format .

types: $(STAMP) ## strict mypy
	@$(RUN) mypy

layers: $(STAMP) ## who may import whom
	@$(RUN) pytest --quiet --no-header tests/test_layers.py

bench: $(STAMP) ## measure and write bench/RESULTS.md
	@exec $(RUN) bench

documents: $(STAMP) ## write into docs/ what the code says: settings, capabilities, results, examples of events
	@exec $(RUN) admin.documents

stage: $(STAMP) ## write what STAGE, an existing or a new one, needs below .chalice/
	@exec $(RUN) infra stage $(STAGE)

package: $(STAMP) ## build/<STAGE>: one CloudFormation template and the zip, checked by cfn-lint
	@exec $(RUN) infra package $(STAGE)

deploy: $(STAMP) ## STAGE into the AWS account of the environment (ALARM_TOPIC: ARN for alarms)
	@exec $(RUN) infra deploy $(STAGE)

undeploy: $(STAMP) ## take STAGE away again; anything but dev wants CONFIRM=<stage>, and FILES=delete
	@CONFIRM='$(CONFIRM)' FILES='$(FILES)' exec $(RUN) infra undeploy $(STAGE)

restore: $(STAMP) ## put BACKUP (an ARN) or MOMENT (2026-11-26T20:00:00Z) in the place of STAGE's data
	@CONFIRM='$(CONFIRM)' BACKUP='$(BACKUP)' MOMENT='$(MOMENT)' exec $(RUN) infra restore $(STAGE)

clean: ## remove what make made; .local and the downloads in .cache stay
	@rm -rf .venv .venv-other .venv.lock build .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache

# What PYTHON names is looked at even where `.venv` is up to date: that may be of another one.
ifneq ($(strip $(PYTHON)),)
.PHONY: $(STAMP)
endif

$(STAMP): requirements.txt requirements-dev.txt scripts/make_venv.py scripts/find-python
	@python=$$(PYTHON='$(PYTHON)' scripts/find-python) && "$$python" scripts/make_venv.py

# The test that needs it says so where it can't be made.
other: $(STAMP)
	@.venv-other/bin/python -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] not in sys.argv)' \
		$(FAR_END) 2>/dev/null || rm -f $(OTHER)
	@{ [ -e $(OTHER) ] || scripts/find-python $(FAR_END) >/dev/null 2>&1; } && $(MAKE) -s $(OTHER) || true

$(OTHER): requirements.txt requirements-dev.txt
	@python=$$(scripts/find-python $(FAR_END)) && echo "making .venv-other with $$python (only once)" && \
		"$$python" -m venv --clear --without-pip .venv-other && \
		$(RUN) pip --python .venv-other/bin/python install -qq --no-deps -r requirements.txt \
			$$(grep '^$(AROUND)==' requirements-dev.txt) && touch $@
