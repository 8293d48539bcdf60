"""The alarms of deploy/alarms.yml, beside each scenario: a real Prometheus reads the metrics of the shop's processes
and evaluates these very rules. Which loss a scenario is stands here; which alarms it must ring, in the table of
docs/operations.md."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.support.patience import wait_until
from tests.support.ports import reserved_port
from tests.support.roles import RoleProcess
from tests.support.server_logs import show_on_failure

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "alarms.yml"
PAGE = ROOT / "docs" / "operations.md"

SPEED = {"CommitsSlow", "DecisionsSlow", "FoldSlow"}
"""What these ring for may be this machine, with a whole shop, its broker and its crowd on it, and others' work beside
them."""

AUDIT = "AuditOverdue"
"""A scenario audits its shop itself, at the end."""

OPTIONAL_ROLES = ("notary", "notifications", "webhooks", "search", "feeds", "live")
"""The page says to remove the rules of those that a shop doesn't run."""
ASKED_AGAIN = "the same, and the connection is closed"

RINGS_SECONDS = 30
EVERY = "2s"
"""A process that answers later than that is down: long for a busy one, short for what lasts seconds."""
NO_ALARM = "none"
NOTHING_LOST = "nothing: all is well, or a process is stopped (SIGTERM) and another takes over"

SCENARIOS: dict[str, str | None] = {
    "test_a_healthy_shop_rings_no_alarm": NOTHING_LOST,
    "test_a_decider_killed_in_a_batch_is_followed_by_another_within_ten_seconds": "a decider, `kill -9`",
    "test_a_decider_frozen_past_its_session_is_fenced_when_it_thaws": (
        "a decider that hangs past its session and wakes up"
    ),
    "test_partitions_that_move_between_two_deciders_are_decided_in_order": NOTHING_LOST,
    "test_a_decider_starts_while_postgresql_is_away_and_decides": "PostgreSQL, and a decider starts",
    "test_a_gateway_killed_with_requests_in_flight_has_lost_none_of_them": "a gateway",
    "test_a_killed_process_resumes_where_it_was[projector]": "the projector",
    "test_a_killed_process_resumes_where_it_was[payments]": "the payments process",
    "test_killed_feeds_relay_each_event_once": "feeds",
    "test_killed_live_counts_each_event_once": "live",
    "test_killed_notifications_lose_no_mail_and_repeat_only_what_the_server_had": "notifications",
    "test_a_killed_search_finds_every_order_once_it_is_back": "search",
    "test_a_killed_notary_resumes_its_tree_and_every_receipt_verifies": "the notary",
    "test_postgresql_restarted_interrupts_no_sale": "PostgreSQL",
    "test_a_restarted_broker_loses_nothing[stopped]": "the only broker",
    "test_a_restarted_broker_loses_nothing[killed]": "the only broker",
    "test_a_broker_that_cannot_be_reached_for_twenty_seconds_costs_nothing_but_time": "the only broker",
    "test_a_killed_broker_of_three_costs_seconds_of_waiting_and_nothing_else": "one of three brokers, `kill -9`",
    "test_a_commit_whose_answer_is_lost_is_neither_forgotten_nor_done_twice[and silence follows]": (
        "the network between a decider and the broker, in a commit"
    ),
    "test_a_commit_whose_answer_is_lost_is_neither_forgotten_nor_done_twice[with its connection]": ASKED_AGAIN,
    "test_an_unreadable_command_is_answered_with_a_refusal_and_set_aside": ("a command that can't be read or decided"),
    "test_a_command_from_the_future_stops_its_partition_until_it_is_passed_over": "the log's clock, or a decider's",
    "test_at_ten_times_capacity_the_answered_rate_stays_at_seven_tenths_of_the_maximum": (
        "more buyers than the shop can serve"
    ),
    "test_a_merchant_reads_its_own_feed_with_its_own_groups_and_nothing_else": None,
}
"""Each scenario, and the row of "What happens when X dies" that it is; None: nothing is lost, and nobody watches."""


def promises() -> dict[str, set[str]]:
    """Of that table, by what is lost: the alarms that ring."""
    (table,) = re.findall(r"^## What happens when X dies\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.M | re.S)
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines() if line[:1] == "|"]
    return {row[0]: set(re.findall(r"\b[A-Z]\w+", row[-1].replace(NO_ALARM, ""))) for row in rows[2:]}


def rules_of(roles: Collection[str]) -> dict[str, Any]:
    """The rules of a shop that runs these roles."""
    rules: dict[str, Any] = yaml.safe_load(RULES.read_text())
    (group,) = rules["groups"]
    for role in set(OPTIONAL_ROLES) - set(roles):
        for rule in group["rules"]:
            rule["expr"] = rule["expr"].replace(f'or absent(up{{job="{role}"}})\n', "")
    group["rules"] = [rule for rule in group["rules"] if rule["alert"] != AUDIT]
    if "feeds" not in roles:
        group["rules"] = [rule for rule in group["rules"] if rule["alert"] != "FeedsStill"]
    return rules


class Alarms:
    """Prometheus in `folder`, watching the shop from `start` to `stop`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._targets = folder / "targets.json"
        self._url = f"http://127.0.0.1:{reserved_port()}"
        self._process: subprocess.Popen[bytes] | None = None
        self._since = 0.0

    @property
    def is_watching(self) -> bool:
        return self._process is not None

    def start(self, processes: Collection[RoleProcess]) -> None:
        """Return when each of these was read once and answered, and the rules are silent about that."""
        program = shutil.which("prometheus")
        assert program, "prometheus is missing: run tools/bootstrap.sh promtool"
        self._folder.mkdir()
        (self._folder / "rules.yml").write_text(yaml.safe_dump(rules_of({one.role for one in processes})))
        config = {
            "global": dict.fromkeys(("scrape_interval", "scrape_timeout", "evaluation_interval"), EVERY),
            "rule_files": ["rules.yml"],
            "scrape_configs": [{"job_name": "shop", "file_sd_configs": [{"files": [self._targets.name]}]}],
        }
        (self._folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        self.watch(processes)
        show_on_failure("Prometheus", self._folder / "prometheus.log")
        with (self._folder / "prometheus.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    program,
                    f"--config.file={self._folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={self._folder / 'data'}",
                    f"--web.listen-address={self._url.removeprefix('http://')}",
                    "--log.level=warn",
                ],
                stdout=log,
                stderr=log,
            )
        wait_until(lambda: self._answered() >= len(processes), 60, otherwise=lambda: f"{self._answered()} answered")
        wait_until(lambda: not self._ask("ALERTS"), 60, otherwise=lambda: self._ask("ALERTS"))
        self._since = time.monotonic()

    def watch(self, processes: Collection[RoleProcess]) -> None:
        """These from now on; Prometheus notices the change."""
        targets = [{"targets": [one.metrics_at], "labels": {"job": one.role}} for one in processes]
        new = self._targets.with_suffix(".new")
        new.write_text(json.dumps(targets))
        new.rename(self._targets)

    def rung(self) -> dict[str, set[str]]:
        """The alarms so far, each with `pending`, `firing` or both: whether its case was there, and for long enough."""
        found: dict[str, set[str]] = {}
        seconds = max(int(time.monotonic() - self._since), 1)
        for series in self._ask(f"count by (alertname, alertstate) (count_over_time(ALERTS[{seconds}s]))"):
            labels = series["metric"]
            found.setdefault(labels["alertname"], set()).add(labels["alertstate"])
        return found

    def wait_until_rung(self, wanted: Collection[str]) -> dict[str, set[str]]:
        """Until all of these have; what has by then."""
        wait_until(
            lambda: self.rung().keys() >= set(wanted),
            RINGS_SECONDS,
            otherwise=lambda: f"{sorted(wanted)} should have rung, and what did is {self.rung()}",
        )
        return self.rung()

    def stop(self) -> None:
        """Also if it never ran."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answered(self) -> int:
        try:
            return sum(series["value"][1] == "1" for series in self._ask("up"))
        except httpx.TransportError:
            return 0

    def _ask(self, query: str) -> list[dict[str, Any]]:
        answer = httpx.get(f"{self._url}/api/v1/query", params={"query": query})
        if answer.status_code == 503:  # it is still starting
            return []
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found
