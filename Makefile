# `make run` and `make test` are enough for most people. Both install what they need.

PYTHON ?= python3
VENV := .venv
# Servers and frameworks that only the tests need are in their own environment, without wsgi-gauntlet. It uses the
# system's Python if possible: servers that give up root cannot read an interpreter in root's home folder.
SERVERS := .servers
SERVERS_PYTHON ?= $(shell /usr/bin/python3 -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null && echo /usr/bin/python3 || echo $(PYTHON))
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
ARGS ?=
# With this variable, each of the thousand processes that the tests start would compile the modules again.
unexport PYTHONDONTWRITEBYTECODE
# Live tests wait for servers and for times for half of their time, so there are more processes than cores.
# tests/conftest.py orders the tests so that one process computes while the others wait.
TEST_PROCESSES ?= $(shell expr 5 \* $$(nproc) / 2)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install install-test run test test-fast check dist check-dist docs docs-sample benchmark picture clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

install: $(VENV)/run.done ## install wsgi-gauntlet and the servers of `make run` into .venv

# A stamp is made again if a file that it depends on has changed.
$(VENV)/run.done: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "wsgi-gauntlet needs Python 3.11 or newer: make PYTHON=python3.12 ..." >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "python3 has no venv: apt-get install python3-venv" >&2; exit 2; }
	@echo "installing wsgi-gauntlet and the servers into $(VENV) (once; about a minute)"
	@$(PIP) install --constraint constraints.txt --editable '.[servers]'
	@touch $@

# The two environments are filled side by side if make has several jobs.
install-test: $(VENV)/test.done $(SERVERS)/done ## install everything that the tests need

# pip replaces the program in .venv, so the program lists the servers before.
$(VENV)/test.done: $(VENV)/run.done | $(SERVERS)/requirements.txt
	@echo "installing the tools of the tests into $(VENV) (once)"
	@$(PIP) install --constraint constraints.txt --editable '.[servers,cluster,test,check,docs]'
	@touch $@

$(SERVERS)/requirements.txt: $(VENV)/run.done $(wildcard servers/*.py servers/_support/*.py)
	@test -x $(SERVERS)/bin/python || $(SERVERS_PYTHON) -m venv $(SERVERS)
	@$(BIN)/wsgi-gauntlet servers --requirements > $@

# To install all servers at once takes half a minute. If one does not build, the others are installed one by one, and
# the tests of the missing server say what is missing.
$(SERVERS)/done: $(SERVERS)/requirements.txt
	@echo "installing every other server into $(SERVERS) (once; about a minute)"
	@$(SERVERS)/bin/python -m pip --disable-pip-version-check --quiet install --constraint constraints.txt --requirement $(SERVERS)/requirements.txt \
	  || while read -r each; do $(SERVERS)/bin/python -m pip --disable-pip-version-check --quiet install --constraint constraints.txt "$$each" || true; done < $(SERVERS)/requirements.txt
	@touch $@

# Exit code 1 means that a server failed a case. The run itself succeeded.
run: install ## test every installed server, and write gauntlet-out/report.html
	@$(BIN)/wsgi-gauntlet run $(ARGS) || test $$? -eq 1

# With a part of the tests (ARGS), the coverage would be too low, so it is not measured.
test: install-test ## run the tests, on real servers and in a real browser
	@$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist worksteal $(if $(strip $(ARGS)),,--cov --cov-report=term) $(ARGS)

# These tests compute and do not wait, and each process collects all of them.
test-fast: $(VENV)/test.done ## run the quick tests that start no server and no browser
	@$(BIN)/python -m pytest -n logical --dist worksteal -m 'not live and not browser and not slow' tests/unit $(ARGS)

check: $(VENV)/test.done ## check style, types, layers and workflows
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/jactionlint --strict-exit

# The files are dated as the last commit, so a commit always gives the same bytes.
dist: $(VENV)/release.done ## build the wheel and the sdist into dist/
	@rm -rf dist
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m hatchling build --directory dist

check-dist: dist ## check dist/: the same bytes again, and the program works with each Python (PYTHONS="python3.12 ...")
	@$(BIN)/python .ci/check_dist.py $(PYTHONS)

$(VENV)/release.done: $(VENV)/run.done
	@$(PIP) install --constraint constraints.txt --editable '.[release]'
	@touch $@

# The variable switches off the announcement of the next version of mkdocs.
docs: $(VENV)/test.done ## build the documentation site: site/index.html
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "open site/index.html"

SAMPLE_RUN := gauntlet-out/docs-sample
SAMPLE_CASES := http/framing http/headers http/host pep3333
SAMPLE_SERVERS := werkzeug:threaded gunicorn:sync gunicorn:gthread nginx+gunicorn:sync waitress uwsgi cheroot granian bjoern tornado

docs-sample: install-test ## measure the sample report of the documentation (a few minutes; use an idle machine)
	@$(BIN)/wsgi-gauntlet check $(SAMPLE_SERVERS) --python $(SERVERS)/bin/python --tag security --level must $(addprefix --select ,$(SAMPLE_CASES)) --out $(SAMPLE_RUN)/check || test $$? -eq 1
	@runs=$(SAMPLE_RUN)/check; \
	if $(BIN)/wsgi-gauntlet load $(SAMPLE_SERVERS) --python $(SERVERS)/bin/python --scenario classroom --out $(SAMPLE_RUN)/load; \
	then runs="$$runs $(SAMPLE_RUN)/load"; fi; \
	$(BIN)/python -m docs.site_generator.sample $$runs

benchmark: install-test ## compare the closed loop with wrk (launching: benchmarks/launch_overhead.py)
	@$(BIN)/python benchmarks/closed_loop_vs_wrk.py $(ARGS)

PICTURE_RUN := gauntlet-out/classroom

picture: install ## measure the classroom and draw the picture of the README (a minute; use an idle machine)
	@$(BIN)/wsgi-gauntlet load werkzeug:single werkzeug:threaded gunicorn:sync nginx+gunicorn:sync waitress --scenario classroom --duration 10 --out $(PICTURE_RUN)
	@$(BIN)/python -m wsgi_gauntlet.reports.writers.readme_picture $(PICTURE_RUN) docs

clean: ## remove everything that was installed and measured
	rm -rf $(VENV) $(SERVERS) gauntlet-out dist site .coverage* .pytest_cache .mypy_cache .ruff_cache .hypothesis
