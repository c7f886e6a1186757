# Needs make, and Python 3.10 or newer with pip; everything else goes into .venv.
#
#   make demo       an upload that is killed half-way and goes on: see it work
#   make test       the test suite             (TESTS=tests.test_retry TRIALFLAGS= for a part of it)
#   make robustness 10,000 schedules each of faults, of faults on both sides, and of calls from inside
#                   events; 20,000 of the receiver's, 10,000 of receivers over object storage,
#                   5,000 of the push journal's, 100 and 50 kills, each fault, and the figures of docs/figures.rst
#                                                (SCHEDULES= RECEIVER= OBJECTS= PUSH= KILLS= for more)
#   make soak       real processes and a hostile line, for half an hour      (SOAK= for how many
#                   seconds, SEED= for the first round)
#   make push-proof the push service and its receiver, killed 100 times each at random and the
#                   service at each transition, with 1,000 files    (KILLS= FILES= SEED=);
#                   and 100,000 files at once
#   make queue-proof three processes that share a queue in PostgreSQL, killed 20 times, with 300 files
#                                                (QUEUE_KILLS= QUEUE_FILES= SEED=)
#   make fleet-proof receivers behind nginx and HAProxy on object storage, each killed 100 times, with
#                   100 files by four clients, of which two were written by others; the storage is
#                   killed as well                  (FLEET_KILLS= FLEET_FILES= SEED=)
#   make coverage   the same, with the branches that it takes
#   make lint       ruff, formatting and news fragments
#   make types      mypy, strict; and what mypy and pyright, which needs npm, find in users' programs
#   make docs       the documentation, into docs/_build
#   make packaging  four ways to install, and uninstalling; the package for Debian, where root may have
#                   a copy of the system
#   make deb        the package for Debian, into build, for the release that this is
#   make lowest     the suite with the lowest supported versions; make newest: with the newest
#   make interop    uploads to and from what others wrote (fetches it first); RUNS=20 times several
#                   files at once to each receiver, and the figures  (INTEROP=tests.interop.test_php)
#   make interop-rgw object storage by Ceph, which takes minutes to install
#   make shipped    the manual page and the completions for shells, into contrib
#   make bench      the benchmarks
#   make bench-fleet receivers on object storage; with npm, Node's beside them
#   make bench-receiver the receiver beside others, which it fetches first; with npm, Node's, too
#   make check      all that a change has to pass but interop

PYTHON ?= python3
VENV ?= .venv
TESTS ?= tests
TRIALFLAGS ?= -j2
PIPFLAGS ?=
SCHEDULES ?= 10000
RECEIVER ?= 20000
OBJECTS ?= 10000
PUSH ?= 5000
KILLS ?= 100
FILES ?= 1000
QUEUE_KILLS ?= 20
QUEUE_FILES ?= 300
FLEET_KILLS ?= 200
FLEET_FILES ?= 100
SOAK ?= 1800
RUNS ?= 20
INTEROP ?= tests.interop
SEED ?=

BIN = $(VENV)/bin
PIP_QUIET = --quiet --disable-pip-version-check
FIGURES = $(CURDIR)/build/figures.jsonl
TRIAL = $(BIN)/python -m twisted.trial --temp-directory=_trial_temp

.PHONY: bench bench-fleet bench-receiver check clean coverage deb demo dev docs fleet-proof interop interop-rgw lint lowest newest packaging push-proof queue-proof receivers robustness shipped soak test types venv

test: $(VENV)/ready
	$(TRIAL) $(TRIALFLAGS) $(TESTS)

# The longest first, so that both workers are busy to the end.
robustness: $(VENV)/ready
	mkdir -p build && rm -f $(FIGURES)
	TXRESUMABLE_FIGURES=$(FIGURES) TXRESUMABLE_SCHEDULES=$(SCHEDULES) TXRESUMABLE_KILLS=$(KILLS) \
	TXRESUMABLE_MODEL_SCHEDULES=$(RECEIVER) TXRESUMABLE_PUSH_SCHEDULES=$(PUSH) \
	TXRESUMABLE_OBJECTS_SCHEDULES=$(OBJECTS) \
	    $(TRIAL) -j2 tests.test_killing tests.test_push_killing tests.test_model tests.test_objects_model tests.test_push_model \
	    tests.test_receiver_simulation \
	    tests.test_simulation tests.test_reentrancy tests.test_cancellation tests.faults
	$(BIN)/python -m tests.figures $(FIGURES)

soak: $(VENV)/ready
	mkdir -p build && rm -f build/soak.jsonl
	TXRESUMABLE_FIGURES=$(CURDIR)/build/soak.jsonl \
	    $(BIN)/python -m tests.soak --seconds $(SOAK) $(if $(SEED),--seed $(SEED)); \
	status=$$?; \
	$(BIN)/python -m tests.figures build/soak.jsonl && exit $$status

push-proof: $(VENV)/ready
	$(BIN)/python -m tests.pushing.many
	$(BIN)/python -m tests.pushing --files $(FILES) --kills $(KILLS) $(if $(SEED),--seed $(SEED))

queue-proof: $(VENV)/ready
	$(BIN)/python -m tests.queueing --files $(QUEUE_FILES) --kills $(QUEUE_KILLS) $(if $(SEED),--seed $(SEED))

fleet-proof: receivers
	$(BIN)/python -m tests.fleet --files $(FLEET_FILES) --kills $(FLEET_KILLS) $(if $(SEED),--seed $(SEED))

demo: $(VENV)/ready-demo
	$(BIN)/python demo/demo.py

coverage: $(VENV)/ready-dev
	rm -f .coverage .coverage.*
	$(BIN)/python -m coverage run -m twisted.trial --temp-directory=_trial_temp $(TRIALFLAGS) $(TESTS); \
	status=$$?; \
	$(BIN)/python -m coverage combine --quiet && $(BIN)/python -m coverage report && exit $$status

lint: $(VENV)/ready-dev
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m towncrier build --draft > /dev/null

types: $(VENV)/ready-dev
	$(BIN)/python -m mypy
	$(TRIAL) tests.test_types

docs: $(VENV)/ready-dev
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build

packaging: $(VENV)/ready-dev
	$(BIN)/python .ci/packaging.py
	$(BIN)/python .ci/debian.py

deb: $(VENV)/ready
	$(BIN)/python contrib/debian/build.py build

interop: $(VENV)/ready
	mkdir -p build && rm -f build/interop.jsonl
	TXRESUMABLE_FIGURES=$(CURDIR)/build/interop.jsonl INTEROP_RUNS=$(RUNS) $(BIN)/python -m tests.interop $(INTEROP); \
	status=$$?; \
	$(BIN)/python -m tests.figures build/interop.jsonl && exit $$status

interop-rgw: $(VENV)/ready
	$(BIN)/python -m tests.interop.install --ceph
	INTEROP_REQUIRED=1 $(TRIAL) tests.interop.rgw

# With these in place the suite uploads to them, too.
receivers: $(VENV)/ready
	$(BIN)/python -m tests.interop.install

shipped: $(VENV)/ready
	$(BIN)/python -m tests.shipped

# The peers that are measured against have an environment of their own.
bench:
	$(MAKE) venv VENV=.venv-bench
	.venv-bench/bin/python -m pip install $(PIP_QUIET) -r benchmarks/requirements.txt
	.venv-bench/bin/python benchmarks/run.py $(BENCHFLAGS)

bench-receiver:
	$(MAKE) venv VENV=.venv-bench
	.venv-bench/bin/python -m pip install $(PIP_QUIET) -e '.[command,receiver]' flask waitress
	if command -v npm > /dev/null; then \
	    npm install --silent --no-audit --no-fund --no-save --prefix benchmarks/receivers \
	        @tus/server@2 @tus/file-store@2; \
	fi
	.venv-bench/bin/python benchmarks/receiver.py $(BENCHFLAGS)

# Needs what `make receivers` installs.
bench-fleet: receivers
	$(BIN)/python -m pip install $(PIP_QUIET) -e '.[s3]'
	if command -v npm > /dev/null; then \
	    npm install --silent --no-audit --no-fund --no-save --prefix benchmarks/receivers \
	        @tus/server@2 @tus/file-store@2 @tus/s3-store@2; \
	fi
	$(BIN)/python benchmarks/fleet.py $(BENCHFLAGS)

# The same suite with the lowest versions that are supported, or with the newest there are.
lowest:
	$(MAKE) test VENV=.venv-lowest PIPFLAGS='--constraint .ci/lowest.txt'

newest:
	$(MAKE) test VENV=.venv-newest PIPFLAGS='--upgrade --upgrade-strategy eager'

check: lint types docs coverage packaging

dev: $(VENV)/ready-dev

venv: $(VENV)/ready

clean:
	rm -rf .venv* _trial_temp* build docs/_build *.egg-info .coverage .coverage.*

# Some systems ship Python without ensurepip: then the pip that is there fills the environment.
$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV) || { \
	    $(PYTHON) -m venv --clear --without-pip $(VENV) && \
	    $(PYTHON) -m pip --python $(VENV)/bin/python install --quiet pip; }

$(VENV)/ready-demo: pyproject.toml setup.py | $(VENV)/bin/python
	$(BIN)/python -m pip install $(PIP_QUIET) $(PIPFLAGS) -e '.[command,receiver]'
	touch $@

$(VENV)/ready: pyproject.toml setup.py | $(VENV)/bin/python
	$(BIN)/python -m pip install $(PIP_QUIET) $(PIPFLAGS) -e '.[test]'
	touch $@

$(VENV)/ready-dev: pyproject.toml setup.py | $(VENV)/ready
	$(BIN)/python -m pip install $(PIP_QUIET) $(PIPFLAGS) -e '.[dev]'
	touch $@
