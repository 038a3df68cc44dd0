# epolltop: `make run` starts it, `make test` tests it; each installs what it needs (scripts/set-up) and does so once.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# The distribution's interpreter: other Pythons may live in a home that the tests' unprivileged users cannot enter.
PYTHON ?= /usr/bin/python3
# Options for what is started: make run ARGS='--sort open', make test ARGS='-k census'
ARGS ?=
# BPF needs root. sudo clears the environment; what a person set about colour goes along by name.
AS_ROOT := $(if $(filter 0,$(shell id -u)),,$(if $(shell command -v sudo),sudo env \
  $(foreach name,NO_COLOR COLORTERM,$(if $($(name)),$(name)=$($(name))))))

.PHONY: help run setup test fuzz test-bcc test-vm lint check docs bench clean

help:
	@echo "make run    install what is missing, then start epolltop live"
	@echo "make setup  install only; afterwards .venv/bin/epolltop works"
	@echo "make test   the whole test suite"
	@echo "make fuzz   mutated recordings, snapshots, filters and event records, until it is stopped"
	@echo "make test-vm  every way to observe, on other kernels, under QEMU"
	@echo "make test-bcc  the probes with each BCC from 0.18 to the newest"
	@echo "make check  lint, types, import contracts, tests that need no root"
	@echo "make docs   what the documentation says of fields, anew from their registry"
	@echo "make bench  the benchmark table"

run: .venv/.run
	@exec $(AS_ROOT) .venv/bin/epolltop $(ARGS)

setup: .venv/.run

# Three workers keep two processors busy: many tests wait. One by one, as debuggers want it: make test ARGS='-n 0'
test: .venv/.test
	.venv/bin/python -m pytest -n 3 $(ARGS)

fuzz: .venv/.test
	.venv/bin/python -m tests.fuzz $(ARGS)

test-bcc: .venv/.test
	@exec $(AS_ROOT) .venv/bin/python -m tests.bcc $(ARGS)

test-vm: .venv/.vm
	.venv/bin/python -m tests.vm $(ARGS)

lint: .venv/.check
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

check: lint
	.venv/bin/python -m pytest -n 3 -m "not kernel and not programs and not terminal"

docs: .venv/.test
	.venv/bin/python -m tests.docs

bench: .venv/.test
	@exec $(AS_ROOT) .venv/bin/python -m bench $(ARGS)

# Stamps: while they are newer than what the set-up reads, nothing is asked again.
.venv/.run .venv/.check .venv/.test .venv/.vm: .venv/.%: pyproject.toml constraints.txt scripts/set-up scripts/epolltop
	@PYTHON="$(PYTHON)" scripts/set-up $*

clean:
	rm -rf .venv .cache dist
