"""The operations page names every metric that there is, and every alarm that Prometheus is given."""

import re
from pathlib import Path

import yaml

from buystream.projections.engine.history import History
from buystream.wiring.views import VIEWS
from tests.faults.alarms import ASKED_AGAIN, NOTHING_LOST, SCENARIOS, promises

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text()
ALARMS = (ROOT / "deploy" / "alarms.yml").read_text()
SUFFIXES = r"(_total|_bucket|_sum|_count)?\b"


def metrics() -> set[str]:
    """What the code gives a name and an explanation, wherever it stands."""
    sources = "\n".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    return set(re.findall(r'\b(?:Counter|Gauge|Histogram|Durations)\(\s*"(buystream_\w+)"', sources))


def test_every_metric_is_on_the_page_and_nothing_else() -> None:
    assert len(metrics()) > 15
    assert set(re.findall(r"^\| `(buystream_\w+)` \|", PAGE, re.M)) == metrics()


def test_every_alarm_is_on_the_page_and_nothing_else() -> None:
    told = set(re.findall(r"^\| `\w+` \| [^|]+ \| ([A-Z]\w+):", PAGE, re.M))
    assert told == set(re.findall(r"- alert: (\w+)", ALARMS))


def test_an_alarm_says_what_to_do_in_the_words_of_the_page() -> None:
    told = dict(re.findall(r"^\| `\w+` \| [^|]+ \| ([A-Z]\w+):[^|]+ \| ([^|]+) \|$", PAGE, re.M))
    rules = yaml.safe_load(ALARMS)["groups"][0]["rules"]
    assert {rule["alert"]: rule["annotations"]["do"] for rule in rules} == told


def test_each_scenario_of_make_faults_is_a_loss_on_the_page_and_the_other_way_round() -> None:
    lost = {loss for loss in SCENARIOS.values() if loss}
    assert lost == promises().keys()


def test_each_loss_on_the_page_rings_alarms_that_there_are() -> None:
    alarms = set(re.findall(r"- alert: (\w+)", ALARMS))
    assert set().union(*promises().values()) <= alarms
    assert [loss for loss, rings in promises().items() if not rings] == [ASKED_AGAIN, NOTHING_LOST]


def test_every_scenario_says_which_loss_it_is() -> None:
    sources = [path.read_text() for path in (ROOT / "tests" / "faults").glob("test_*.py")]
    written = {name for source in sources for name in re.findall(r"^def (test_\w+)", source, re.M)}
    assert written == {name.partition("[")[0] for name in SCENARIOS}


def test_alarms_are_about_metrics_that_there_are() -> None:
    named = {re.sub(rf"{SUFFIXES}$", "", name) for name in re.findall(r"\bbuystream_\w+", ALARMS)}
    assert named <= metrics()


def test_every_view_that_can_be_built_anew_is_on_the_page_and_nothing_else() -> None:
    (told,) = re.findall(r"^## Rebuilding a projection\n(.*?)^## ", PAGE, re.M | re.S)
    named = {name.removeprefix("buystream rebuild ") for name in re.findall(r"`([\w ]+)`", told)} - {"audit"}
    assert named == {view.name for view in (*VIEWS, History)}
