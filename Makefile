# Each target does all of its own set-up: on a fresh machine `make demo` or `make test` is the only command needed.
.DEFAULT_GOAL := help
.PHONY: help demo kafka test thorough cluster check types style imports checked-and-collected collected faults bench broker postgresql clients promtool proxies rivals judge stripe-mock chromium clean

python := .venv/bin/python
run := .venv/.buystream-run
dev := .venv/.buystream-dev
pinned := pyproject.toml constraints.txt tools/bootstrap.sh

help:
	@echo "make demo    a whole shop with sample merchants, on this machine"
	@echo "make test    checks, and every test of the shop on both logs; longer on a slow machine"
	@echo "make thorough the tests that kill the shop and upset the provider at random, at full length, on both logs"
	@echo "make cluster the tests of separate roles on Kafka: deciders, feeds, live, the merchant's library"
	@echo "make check   ruff, formatting, strict typing, the direction of imports"
	@echo "make kafka   a Kafka broker on port 9092, its data in data/kafka; Ctrl-C stops it"
	@echo "make faults  kills, freezes and cuts off every part of a selling shop; under 20 minutes"
	@echo "make bench   buystream beside other ways of selling a limited edition, on this machine"
	@echo "make clean   removes .venv and caches, never your data"

demo: $(run)
	@$(python) tools/under_make.py .venv/bin/buystream demo

kafka: $(run) broker
	@$(python) tools/under_make.py $(python) -m buystream.host.broker

test: checked-and-collected postgresql promtool chromium broker proxies stripe-mock
	$(python) -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder || $(python) -m tests.support.alone $$?

thorough: $(dev) broker
	BUYSTREAM_TEST_THOROUGH=1 BUYSTREAM_TEST_LOG=both $(python) -m pytest --numprocesses 2 --dist loadfile \
		tests/acceptance/test_kill_the_shop_mid_rush.py tests/integration/test_schedules_of_payments.py \
		tests/integration/test_the_api_keeps_its_word.py tests/unit/aggregates tests/unit/test_statements_add_up.py

checks := types style imports
beside := $(MAKE) --no-print-directory --jobs 2 --output-sync=target

check: $(dev)
	@$(beside) $(checks)

types:
	$(python) -m mypy --strict src clients/python/src

style:
	$(python) -m ruff check .
	$(python) -m ruff format --check .

imports:
	.venv/bin/lint-imports

# The types take one core for half a minute. Beside them pytest compiles the tests, for its processes to find: otherwise
# each of them would compile all.
checked-and-collected: $(dev)
	@$(beside) $(checks) collected

collected:
	@PYTHONDONTWRITEBYTECODE= $(python) -m pytest --collect-only -qq >.venv/collected.log || { cat .venv/collected.log; exit 1; }

cluster: $(dev) broker clients judge
	$(python) -m pytest tests/kafka tests/judges

faults: $(dev) broker promtool
	$(python) -m pytest -rP --show-capture=stdout tests/faults

bench: $(dev) broker rivals
	$(python) -m bench $(BENCH)

rivals:
	@tools/bootstrap.sh rivals

chromium:
	@tools/bootstrap.sh chromium

judge:
	@tools/bootstrap.sh judge

stripe-mock:
	@tools/bootstrap.sh stripe-mock

postgresql:
	@tools/bootstrap.sh postgresql

clients:
	@tools/bootstrap.sh clients

proxies:
	@tools/bootstrap.sh proxies

promtool:
	@tools/bootstrap.sh promtool

broker:
	@tools/bootstrap.sh broker

$(run): $(pinned)
	@tools/bootstrap.sh run

$(dev): $(pinned)
	@tools/bootstrap.sh dev

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find src tests bench tools -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
