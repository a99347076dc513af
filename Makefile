# The development commands, one definition for people and CI. Everything set up here lives in .venv, from the locks.

# The system's own where it will do: a service sees none in a home folder, and distributions build it with a profile of its use.
PYTHON ?= $(firstword $(foreach python,/usr/bin/python3 python3,$(shell $(python) -c \
    'import ensurepip, sys; print("$(python)" if sys.version_info >= (3, 11) else "")' 2>/dev/null)) python3)
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules --no-print-directory

PIP := .venv/bin/python -m pip --disable-pip-version-check
# command=Debian package that brings it
TEST_COMMANDS := stm32flash=stm32flash tshark=tshark chromium=chromium pg_ctlcluster=postgresql umockdev-wrapper=umockdev systemd-analyze=systemd udevadm=udev /usr/sbin/cupsd=cups-daemon lp=cups-client openssl=openssl

.PHONY: help demo test bench soak day chaos check crash fuzz format docs lock clean

help: ## this list
	@sed -n 's/^\([a-z][a-z]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 14

demo: .venv/runtime.stamp ## set up, then provision simulated boards through the real agent
	@.venv/bin/station demo --dir demo

test: .venv/development.stamp ## set up, system packages included, then run every test in WORKERS (4) processes: most wait
	@scripts/require-commands $(TEST_COMMANDS)
	@.venv/bin/python -m pytest --numprocesses $(or $(WORKERS),4) --dist worksteal

bench: .venv/development.stamp build/openhtf/stamp ## measure, side by side in one run; prints a table and writes bench.json (BENCH=groups)
	@scripts/require-commands $(TEST_COMMANDS)
	@.venv/bin/python -m benchmarks $(BENCH)

soak: .venv/development.stamp ## a real agent through CYCLES cycles with faults at random
	@.venv/bin/python -m tests.soak --cycles $(or $(CYCLES),20000)

day: .venv/development.stamp ## let the page live through HOURS (24) of events in minutes: nothing may grow
	@scripts/require-commands $(TEST_COMMANDS)
	@.venv/bin/python -m tests.browser.day --hours $(or $(HOURS),24)

chaos: .venv/development.stamp ## pull cables and send signals at random moments while boards are provisioned (CHAOS=options)
	@.venv/bin/python -m tests.chaos $(CHAOS)

check: .venv/development.stamp ## formatter, linter, strict type check, import rules
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo

crash: .venv/development.stamp ## kill the agent, or its power, at every effect boundary, restart it, compare what is left (CRASH=options)
	@.venv/bin/python -m tests.crash $(CRASH)

fuzz: .venv/development.stamp ## coverage-guided fuzzing of every parser of outside bytes, for FUZZ_S seconds
	@.venv/bin/python -m tests.fuzz --seconds $(or $(FUZZ_S),150) $(FUZZ)

format: .venv/development.stamp ## format the source and mend what the linter can
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

docs: .venv/development.stamp ## write docs/troubleshooting.md, fault-matrix.md and performance.md from the catalogue, the tests and bench.json
	.venv/bin/python -m scripts.troubleshooting
	.venv/bin/python -m tests.fault.page
	.venv/bin/python -m scripts.performance

lock: .venv/bin/python ## write requirements/*.lock from pyproject.toml (UPGRADE=1 takes newer versions)
	@scripts/lock $(if $(UPGRADE),--upgrade)

clean: ## remove all that these commands made
	rm -rf .venv build dist demo station.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find station drivers tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "station needs Python 3.11 or newer: name one with make PYTHON=..." >&2; exit 1; }
	@echo "setting up .venv" >&2
	@"$(PYTHON)" -m venv --clear .venv || { rm -rf .venv; exit 1; }

# setuptools is in the lock too, so nothing is fetched unpinned to build the editable install.
.venv/runtime.stamp: requirements/runtime.lock pyproject.toml | .venv/bin/python
	@$(PIP) install --quiet --require-hashes --requirement requirements/runtime.lock
	@$(PIP) install --quiet --no-build-isolation --no-deps --editable .
	@touch $@

.venv/development.stamp: requirements/development.lock .venv/runtime.stamp
	@$(PIP) install --quiet --require-hashes --requirement requirements/development.lock
	@touch $@

# OpenHTF is measured beside the station, and is no requirement of it.
build/openhtf/stamp: requirements/openhtf.lock | .venv/bin/python
	@.venv/bin/python -m venv --clear build/openhtf
	@build/openhtf/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes --requirement $<
	@touch $@
