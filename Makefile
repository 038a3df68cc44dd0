# epolltop: `make run` starts it, `make test` tests it; each installs what it needs and does nothing twice.
SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# The distribution's interpreter: other Pythons may live in a home that the tests' unprivileged users cannot enter.
PYTHON ?= /usr/bin/python3
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
# BPF needs root; variables a person set for colour reach the program through sudo.
AS_ROOT := $(if $(SUDO),sudo --preserve-env=NO_COLOR$(comma)COLORTERM$(comma)TERM,)
comma := ,
# A run goes no further than this machine's packages: pip neither asks for news nor warns about root.
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

RUN_PACKAGES := python3-bpfcc python3-venv
TEST_PACKAGES := tmux bpftrace strace nginx-light redis-server memcached haproxy nodejs htop procps util-linux

.PHONY: help run setup test check bench packages clean

help:
	@echo "make run    install what is missing, then start epolltop live"
	@echo "make setup  install only; afterwards .venv/bin/epolltop works"
	@echo "make test   the whole test suite"
	@echo "make check  lint, types, import contracts, tests that need no root"
	@echo "make bench  the benchmark table"

run: setup
	@exec $(AS_ROOT) .venv/bin/epolltop

setup: .venv/installed

# Everything the set-up prints is narration: stdout belongs to the program (`make run | cat`).
.venv/installed: pyproject.toml constraints.txt
	@{ $(MAKE) packages WANTED="$(RUN_PACKAGES)" && \
	   $(PYTHON) -m venv .venv && \
	   .venv/bin/pip install -q -c constraints.txt -e . && \
	   touch $@; } >&2

.venv/tested: .venv/installed
	@{ $(MAKE) packages WANTED="$(TEST_PACKAGES)" && \
	   .venv/bin/pip install -q -c constraints.txt -e '.[dev]' && \
	   touch $@; } >&2

packages:
	@if ! command -v apt-get >/dev/null; then \
	   $(PYTHON) -c 'import bcc' 2>/dev/null && exit 0; \
	   echo "epolltop needs BCC's Python module from your distribution:"; \
	   echo "  Fedora: sudo dnf install python3-bcc      Arch: sudo pacman -S python-bcc"; \
	   echo "  Alpine: sudo apk add py3-bcc              openSUSE: sudo zypper install python3-bcc"; \
	   echo "then run make again. Without it, epolltop still shows what /proc can tell."; \
	   exit 0; fi; \
	 missing=$$(for p in $(WANTED); do \
	   dpkg-query -W -f='$${db:Status-Abbrev}' $$p 2>/dev/null | grep -q '^ii' || echo $$p; done | \
	   grep -v -x -e "$$(command -v node >/dev/null && echo nodejs)"); \
	 [ -z "$$missing" ] || { echo "installing $$missing"; \
	   $(SUDO) apt-get update -qq && \
	   $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; }

test: .venv/tested
	@.venv/bin/python -m pytest

check: .venv/tested
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@.venv/bin/python -m pytest -q -m "not kernel and not programs and not terminal"

bench: .venv/tested
	@$(AS_ROOT) .venv/bin/python -m bench

clean:
	rm -rf .venv .cache dist
