"""Each alarm of deploy/alarms.yml rings in its case and is silent beside a healthy shop, by Prometheus's own tool."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.patience import patient

ALARMS = Path(__file__).parents[2] / "deploy" / "alarms.yml"
RULES: list[dict[str, Any]] = yaml.safe_load(ALARMS.read_text())["groups"][0]["rules"]
JOBS = (
    *("gateway", "decider", "payments", "projector", "notary", "notifications", "webhooks", "search", "feeds", "live"),
)

Series = dict[str, str]
"""Promtool's notation by series: `0+10x120` begins at 0 and grows by 10 at each of 120 steps of 5 seconds."""

HEALTHY: Series = {
    **{f'up{{job="{job}"}}': "1x300" for job in JOBS},
    'buystream_partitions{job="gateway"}': "6x300",
    'buystream_partitions_assigned{role="decider", instance="a"}': "3x300",
    'buystream_partitions_assigned{role="decider", instance="b"}': "3x300",
    "buystream_partitions_stopped": "0x300",
    "buystream_commands_undecidable_total": "0x300",
    "buystream_snapshots_failed_total": "0x300",
    "buystream_payments_set_aside": "0x300",
    "buystream_decisions_late_total": "0x300",
    'buystream_decision_seconds_bucket{le="0.1"}': "0+100x300",
    'buystream_decision_seconds_bucket{le="1"}': "0+100x300",
    'buystream_decision_seconds_bucket{le="+Inf"}': "0+100x300",
    'buystream_commit_seconds_bucket{le="0.01"}': "0+100x300",
    'buystream_commit_seconds_bucket{le="1"}': "0+100x300",
    'buystream_commit_seconds_bucket{le="+Inf"}': "0+100x300",
    'buystream_fold_seconds_bucket{le="1"}': "0x200 1x100",
    'buystream_fold_seconds_bucket{le="10"}': "0x200 1x100",
    'buystream_fold_seconds_bucket{le="+Inf"}': "0x200 1x100",
    'buystream_orders_answered_total{status="503"}': "0x300",
    "buystream_commands_queued": "10x300",
    'buystream_events_behind{partition="0"}': "3x300",
    'buystream_events_poisoned_total{partition="0"}': "0x300",
    'buystream_records_set_aside_total{topic="buystream.commands"}': "0x300",
    'buystream_retries_total{part="views"}': "3x300",
    "buystream_payments_in_flight": "5x300",
    "buystream_provider_retries_total": "0x300",
    'buystream_provider_calls_waiting{lane="buy"}': "0x300",
    'buystream_webhooks_total{outcome="rejected"}': "0x300",
    "buystream_books_differences": "0x300",
    "buystream_tlog_stopped": "0x300",
    "buystream_tlog_unpublished_seconds": "1x300",
    'buystream_witnesses_failed_total{witness="w"}': "0x300",
    'buystream_mails_total{state="refused"}': "0x300",
    "buystream_mails_oldest_seconds": "2x300",
    "buystream_mails_in_doubt_total": "0x300",
    'buystream_feed_events_total{partition="0"}': "0+100x300",
    "buystream_events_decided_total": "0+100x300",
    'buystream_webhook_tries_total{outcome="delivered"}': "0+1x300",
    "buystream_webhooks_queued_total": "0+1x300",
    "buystream_audit_violations": "0x300",
    "buystream_audit_finished_timestamp_seconds": "0x300",
}

GONE = "the process is gone, and its series with it"

CASES: list[tuple[str, str, Series]] = [
    ("ProcessDown", "a process doesn't answer", {'up{job="live"}': "1x100 0x200"}),
    *[("ProcessDown", f"discovery drops the last {job}", {f'up{{job="{job}"}}': GONE}) for job in JOBS],
    (
        "PartitionWithoutDecider",
        "one of two deciders is gone",
        {'buystream_partitions_assigned{role="decider", instance="b"}': GONE},
    ),
    (
        "PartitionWithoutDecider",
        "there is no decider at all",
        {f'buystream_partitions_assigned{{role="decider", instance="{one}"}}': GONE for one in "ab"},
    ),
    ("PartitionWithoutDecider", "partitions were added", {'buystream_partitions{job="gateway"}': "6x100 7x200"}),
    ("PartitionStopped", "a time is too far ahead", {"buystream_partitions_stopped": "1x300"}),
    ("CommandUndecidable", "the first one ever", {"buystream_commands_undecidable_total": "0x280 1x20"}),
    ("PaymentSetAside", "a call failed unexpectedly", {"buystream_payments_set_aside": "1x300"}),
    ("DecisionsLate", "requests get no decision", {"buystream_decisions_late_total": "0+1x300"}),
    ("DecisionsSlow", "decisions take over half a second", {'buystream_decision_seconds_bucket{le="0.1"}': "0x300"}),
    ("CommitsSlow", "commits take over 0.2 seconds", {'buystream_commit_seconds_bucket{le="0.01"}': "0x300"}),
    ("FoldSlow", "a fold takes over five seconds", {'buystream_fold_seconds_bucket{le="1"}': "0x300"}),
    ("SnapshotFails", "the first one ever", {"buystream_snapshots_failed_total": "0x280 1x20"}),
    ("Overloaded", "buyers are sent away", {'buystream_orders_answered_total{status="503"}': "0+20x300"}),
    ("CommandsPileUp", "the log takes no writes", {"buystream_commands_queued": "3000x300"}),
    ("ViewsBehind", "the projector is slow", {'buystream_events_behind{partition="0"}': "30000x300"}),
    ("ViewsBehind", "there is no projector", {'buystream_events_behind{partition="0"}': GONE}),
    ("EventsPoisoned", "the first one ever", {'buystream_events_poisoned_total{partition="0"}': "0x280 1x20"}),
    (
        "RecordsSetAside",
        "the first one ever",
        {'buystream_records_set_aside_total{topic="buystream.commands"}': "0x280 1x20"},
    ),
    ("PartRetrying", "PostgreSQL is away", {'buystream_retries_total{part="views"}': "0+1x300"}),
    ("PaymentsStuck", "the provider doesn't answer", {"buystream_payments_in_flight": "600x300"}),
    ("ProviderFails", "the provider fails", {"buystream_provider_retries_total": "0+10x300"}),
    ("ProviderQueue", "calls wait for their turn", {'buystream_provider_calls_waiting{lane="buy"}': "300x300"}),
    ("WebhooksRejected", "a secret changed", {'buystream_webhooks_total{outcome="rejected"}': "0+1x300"}),
    ("BooksDiffer", "the provider knows more", {"buystream_books_differences": "2x300"}),
    ("TransparencyLogStopped", "an older backup was restored", {"buystream_tlog_stopped": "1x300"}),
    ("CheckpointsStill", "no quorum of witnesses", {"buystream_tlog_unpublished_seconds": "0+5x300"}),
    ("WitnessFails", "a witness is away", {'buystream_witnesses_failed_total{witness="w"}': "0+1x300"}),
    ("MailsFail", "the server rejects what is sent", {'buystream_mails_total{state="refused"}': "0x200 10x100"}),
    ("MailsWait", "the mail server is away", {"buystream_mails_oldest_seconds": "0+5x300"}),
    ("MailsInDoubt", "a sender was killed", {"buystream_mails_in_doubt_total": "0x280 1x20"}),
    ("FeedsStill", "the relay hangs", {'buystream_feed_events_total{partition="0"}': "7x300"}),
    ("FeedsStill", "there is no relay", {'buystream_feed_events_total{partition="0"}': GONE}),
    (
        "WebhooksStill",
        "no webhook leaves the shop",
        {'buystream_webhook_tries_total{outcome="delivered"}': "7x300"},
    ),
    ("AuditFailed", "somebody edited the log", {"buystream_audit_violations": "2x300"}),
    ("AuditOverdue", "the last one was nine days ago", {"buystream_audit_finished_timestamp_seconds": "-777600x300"}),
    ("AuditOverdue", "there was none", {"buystream_audit_finished_timestamp_seconds": GONE}),
]


EVALUATED = "15s"
"""Three times less often than in deploy/prometheus.yml, because evaluating is what these tests cost: every `for` is a
multiple of it."""

HEALTH = "a healthy shop"


@pytest.fixture(scope="module")
def ringing(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """By case, the alarms that ring after 25 minutes of it. One run of promtool: it reports each expectation that isn't
    met, here that an alarm rings, and repeats its expression, which ends with the case."""
    promtool = shutil.which("promtool")
    assert promtool, "promtool is missing: run tools/bootstrap.sh promtool"
    cases = {HEALTH: HEALTHY} | {f"{alarm}: {case}": HEALTHY | changed for alarm, case, changed in CASES}
    probe = {
        "rule_files": [str(ALARMS)],
        "evaluation_interval": EVALUATED,
        "tests": [
            {
                "interval": "5s",
                "input_series": [
                    {"series": name, "values": values} for name, values in series.items() if values != GONE
                ],
                "promql_expr_test": [
                    {"expr": rings(rule, case), "eval_time": "25m", "exp_samples": [{"labels": "{}", "value": 1}]}
                    for rule in RULES
                ],
            }
            for case, series in cases.items()
        ],
    }
    file = tmp_path_factory.mktemp("alarms") / "test.yml"
    file.write_text(json.dumps(probe))
    said = subprocess.run(
        [promtool, "test", "rules", str(file)], capture_output=True, text=True, check=False, timeout=patient(300)
    )
    told = (said.stdout + said.stderr).replace('\\"', '"')
    silent = {case: [rule["alert"] for rule in RULES if f'"{rings(rule, case)}"' in told] for case in cases}
    assert told.count("exp: {} 1E+00") == sum(map(len, silent.values())), told
    return {case: [rule["alert"] for rule in RULES if rule["alert"] not in silent[case]] for case in cases}


def rings(rule: dict[str, Any], case: str) -> str:
    """1 if it does."""
    return f'count(ALERTS{{alertname="{rule["alert"]}", alertstate="firing"}}) > bool 0 # {case}'


def test_a_healthy_shop_is_silent(ringing: dict[str, list[str]]) -> None:
    assert ringing[HEALTH] == []


@pytest.mark.parametrize(("alarm", "case", "changed"), CASES, ids=[f"{alarm}: {case}" for alarm, case, _ in CASES])
def test_an_alarm_rings_in_its_case_and_no_other_does(
    alarm: str, case: str, changed: Series, ringing: dict[str, list[str]]
) -> None:
    assert changed.keys() <= HEALTHY.keys()
    assert ringing[f"{alarm}: {case}"] == [alarm]


def test_every_alarm_has_its_case() -> None:
    assert {alarm for alarm, _, _ in CASES} == {rule["alert"] for rule in RULES}


def test_every_alarm_says_what_to_do_and_where_that_is_explained() -> None:
    for rule in RULES:
        assert rule["annotations"].keys() == {"summary", "do", "runbook"}, rule["alert"]
        page, _, heading = rule["annotations"]["runbook"].partition("#")
        assert (ALARMS.parents[1] / page).exists()
        headings = [line for line in (ALARMS.parents[1] / page).read_text().splitlines() if line.startswith("## ")]
        assert heading in [line.removeprefix("## ").lower().replace(" ", "-") for line in headings]
