# City Order on this machine. Needs Python 3.11 or later with venv, and make; nothing else.
# Paths are relative and programs run as modules, so the checkout may lie in any folder and be moved.
PYTHON ?= python3
PY := .venv/bin/python
PLATFORM := $(PY) -m include.local_platform
INSTALLED := .venv/installed

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help demo up down nightly backfill replay dsn form check brake lift-brake roll-back reconcile proposals backup restore upgrade rotate test test-fast faults bench lint docs constraints

help:  ## list the targets
	@echo "City Order: make <target>"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-11s %s\n", $$1, $$2}' Makefile
	@echo "Settings: CITY_ORDER_HOME (.city-order), CITY_ORDER_UI_PORT (8080), CITY_ORDER_DB_PORT (5439), PYTHON ($(PYTHON))"

demo: $(INSTALLED)  ## sample drops, the platform, one night; leaves the UI up
	@$(PLATFORM) demo

up: $(INSTALLED)  ## start PostgreSQL and Airflow, or what of them does not run
	@$(PLATFORM) up

down: $(INSTALLED)  ## stop everything; the data stays
	@$(PLATFORM) down

nightly: $(INSTALLED)  ## run the nightly job now and follow it to the end
	@$(PLATFORM) nightly

backfill: $(INSTALLED)  ## process past drop dates again: FROM=YYYY-MM-DD TO=YYYY-MM-DD
	@test -n "$(FROM)" -a -n "$(TO)" || { echo "Say which drop dates: make backfill FROM=2026-11-10 TO=2026-11-14" >&2; exit 2; }
	@$(PLATFORM) backfill --from "$(FROM)" --to "$(TO)"

replay: $(INSTALLED)  ## judge a survey's answers again, or show what that changes: SURVEY= [AGENCIES=a,b] REASON="why" or DRY_RUN=1
	@test -n "$(SURVEY)" || { echo "Say which survey's, and see first what would change: make replay SURVEY=ecb-2026 DRY_RUN=1" >&2; exit 2; }
	@$(PLATFORM) replay --survey "$(SURVEY)" --agencies "$(AGENCIES)" --reason "$$REASON" --who "$$WHO" $(if $(HISTORY),--history) $(if $(DRY_RUN),--dry-run)

dsn: $(INSTALLED)  ## print a read-only connection to the warehouse; TIER=published for what manufacturers see
	@$(PLATFORM) dsn --tier "$(or $(TIER),internal)"

form: $(INSTALLED)  ## write the form of a survey to fill in: SURVEY=code [AGENCY=code] [TO=folder]
	@test -n "$(SURVEY)" || { echo "Say which survey's: make form SURVEY=ecb-2026 AGENCY=gorsvet" >&2; exit 2; }
	@$(PLATFORM) form --survey "$(SURVEY)" --agency "$(AGENCY)" --to "$(TO)"

check: $(INSTALLED)  ## say what the night would answer to a file, and touch nothing: FILE= SURVEY= AGENCY= [TO=folder]
	@test -n "$(FILE)" -a -n "$(SURVEY)" -a -n "$(AGENCY)" || { echo "Say which file, and whose: make check FILE=answer.xlsx SURVEY=ecb-2026 AGENCY=gorsvet" >&2; exit 2; }
	@$(PLATFORM) check --file "$(FILE)" --survey "$(SURVEY)" --agency "$(AGENCY)" --to "$(TO)"

# A reason is a sentence of a person: the shell takes it from the environment, whatever is quoted in it. Only a dollar is
# make's own: it must be doubled.
brake: $(INSTALLED)  ## stop publishing a survey: SURVEY=code REASON="why" [WHO=name]
	@test -n "$(SURVEY)" -a -n "$$REASON" || { echo 'Say which survey, and why: make brake SURVEY=ecb-2026 REASON="prices look wrong"' >&2; exit 2; }
	@$(PLATFORM) brake --survey "$(SURVEY)" --reason "$$REASON" --who "$$WHO"

lift-brake: $(INSTALLED)  ## let releases of a survey be published again: SURVEY=code [WHO=name]
	@test -n "$(SURVEY)" || { echo "Say which survey: make lift-brake SURVEY=ecb-2026" >&2; exit 2; }
	@$(PLATFORM) lift-brake --survey "$(SURVEY)" --who "$$WHO"

roll-back: $(INSTALLED)  ## let readers see again what a release said: SURVEY=code RELEASE=number REASON="why" [WHO=name]
	@test -n "$(SURVEY)" -a -n "$(RELEASE)" -a -n "$$REASON" || { echo 'Say which survey, to which release, and why: make roll-back SURVEY=ecb-2026 RELEASE=12 REASON="wrong prices"' >&2; exit 2; }
	@$(PLATFORM) roll-back --survey "$(SURVEY)" --release "$(RELEASE)" --reason "$$REASON" --who "$$WHO"

reconcile: $(INSTALLED)  ## recount what is published from all accepted lines, and say what differs: [SURVEY=code]
	@$(PLATFORM) reconcile --survey "$(SURVEY)"

proposals: $(INSTALLED)  ## list names that nobody knows beside those they look like: SURVEY=code [TO=file.csv]
	@test -n "$(SURVEY)" || { echo "Say which survey's: make proposals SURVEY=ecb-2026" >&2; exit 2; }
	@$(PLATFORM) proposals --survey "$(SURVEY)" --to "$(TO)"

backup: $(INSTALLED)  ## keep warehouse, archive and answers: TO=folder
	@test -n "$(TO)" || { echo "Say where to: make backup TO=/srv/backups" >&2; exit 2; }
	@$(PLATFORM) backup --to "$(TO)"

restore: $(INSTALLED)  ## fill a fresh home from a backup: FROM=folder
	@test -n "$(FROM)" || { echo "Say where from: make restore FROM=/srv/backups" >&2; exit 2; }
	@$(PLATFORM) restore --from "$(FROM)"

upgrade: $(INSTALLED)  ## stop, git pull, migrate, start; the data stays
	@$(PLATFORM) down
	@git pull --ff-only || { echo "Nothing was upgraded: git pull failed, see above" >&2; $(MAKE) up; exit 1; }
	@$(MAKE) up

rotate: $(INSTALLED)  ## make every secret anew; the data stays
	@$(PLATFORM) rotate

test: $(INSTALLED)  ## run all tests, as many folders at once as there are cores (four at most)
	@$(PY) -m pytest --numprocesses logical --maxprocesses 4 --dist loadscope --no-loadscope-reorder

test-fast: $(INSTALLED)  ## run the tests that start no server
	@$(PY) -m pytest -q -m "not slow and not warehouse"

faults: $(INSTALLED)  ## play bad nights, from receive to publish, in over an hour; ONLY=flow leaves Airflow out
	@$(PY) -m tests.faults $(if $(ONLY),--only "$(ONLY)")

bench: $(INSTALLED)  ## what a night and a whole build cost at 1 M and 10 M lines, as ratios; SCALE=small only tries it
	@SCALE="$(SCALE)" $(PY) -m tests.bench

lint: $(INSTALLED)  ## check style, SQL and types
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m sqlfluff lint include/sql
	@$(PY) -m mypy

docs: $(INSTALLED)  ## write the generated pages of docs/
	@$(PY) -m include.city_order.documentation --dsn "$$($(PLATFORM) dsn)"

constraints:  ## resolve requirements.txt anew into constraints.txt, for 3.11 to 3.13 (needs uv)
	@command -v uv >/dev/null || { echo "uv was not found. Install it first: https://docs.astral.sh/uv/" >&2; exit 1; }
	@uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-emit-index-url --no-header requirements.txt -o constraints.txt

define CHECK_PYTHON
import sys
if sys.version_info < (3, 11):
    sys.exit("City Order needs Python 3.11 or later; $(PYTHON) is %s.\n"
             "Name a newer one: make PYTHON=python3.12 ..." % sys.version.split()[0])
try:
    import ensurepip, venv
except ImportError:
    sys.exit("$(PYTHON) lacks the module venv or ensurepip, which make the project's environment.\n"
             "On Debian or Ubuntu: apt install python3-venv. Or name another Python: make PYTHON=python3.12 ...")
endef
export CHECK_PYTHON

$(INSTALLED): requirements.txt constraints.txt
	@command -v "$(PYTHON)" >/dev/null || { echo "$(PYTHON) was not found. Install Python 3.11 or later, or name yours: make PYTHON=/path/to/python3 ..." >&2; exit 1; }
	@"$(PYTHON)" -c "$$CHECK_PYTHON"
	@echo "Installing into .venv (once; a minute or two)" >&2
	@"$(PYTHON)" -m venv .venv >&2
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt -c constraints.txt >&2
	@touch $(INSTALLED)
