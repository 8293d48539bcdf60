"""The roster: what runs in the process of each role. A shop that one command runs has all of it."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from buystream.host.workers import Run
from buystream.settings import Settings
from buystream.wiring.parts import Parts

Runs = Mapping[str, Run]
"""In the order of starting."""


def _decider(parts: Parts) -> Runs:
    return {"decider": parts.decider.run}


def _payments(parts: Parts) -> Runs:
    return {"flows": parts.flows.run, "payments": parts.payments.run, **parts.provider_runs}


def _projector(parts: Parts) -> Runs:
    return {"snapshots": parts.snapshots.run, "projector": parts.projector.run}


def _notary(parts: Parts) -> Runs:
    return {"notary": parts.notary.run}


def _notifications(parts: Parts) -> Runs:
    return {"notifications": parts.queueing.run, "mails": parts.sending.run}


def _search(parts: Parts) -> Runs:
    return {"search": parts.indexing.run}


def _webhooks(parts: Parts) -> Runs:
    return {"webhooks": parts.webhooks.run}


def _feeds(parts: Parts) -> Runs:
    return {"feeds": parts.feeds.run}


def _live(parts: Parts) -> Runs:
    return {"live": parts.live.run}


ROSTER: Final[Mapping[str, Callable[[Parts], Runs]]] = {
    "projector": _projector,
    "decider": _decider,
    "payments": _payments,
    "notary": _notary,
    "notifications": _notifications,
    "webhooks": _webhooks,
    "search": _search,
    "feeds": _feeds,
    "live": _live,
}
"""Every role but the gateway, which serves HTTP itself, in the order in which a shop in one process starts them."""

ON_KAFKA_ONLY: Final = frozenset({"feeds", "live"})

ONE_AT_A_TIME: Final = frozenset({"projector", "notary", "search"})
"""Roles that one process has and others stand by for."""

PROBLEMS: Final[Mapping[str, Callable[[Parts], str | None]]] = {"decider": lambda parts: parts.decider.problem}
"""Why a role can't do its work now, where it knows more than its workers and its log say."""

FOREGROUND: Final = ("decider",)
"""Who buys waits for them: a shop of two processes has them in the gateway's."""

IN_A_REPLAY: Final = ("projector",)
"""What runs on a log that is a replay: it shows the past, and decides, sends and charges nothing."""


def problem_of(role: str, parts: Parts) -> str | None:
    """Why the role can't do its work now, as far as it knows; or None."""
    known = PROBLEMS.get(role)
    return known(parts) if known else None


def replay_runs(parts: Parts) -> Runs:
    """What a shop whose log is a replay runs besides the gateway."""
    return {"projector": parts.projector.run}


def all_runs(parts: Parts, settings: Settings) -> Runs:
    """What a shop in one process runs besides the gateway."""
    return _runs_of(parts, _roles(settings))


def foreground_runs(parts: Parts) -> Runs:
    """What the gateway's process runs of a shop in two processes."""
    return _runs_of(parts, FOREGROUND)


def background_runs(parts: Parts, settings: Settings) -> Runs:
    """What the other one runs."""
    return _runs_of(parts, [role for role in _roles(settings) if role not in FOREGROUND])


def _roles(settings: Settings) -> list[str]:
    return [role for role in ROSTER if settings.is_on_kafka or role not in ON_KAFKA_ONLY]


def _runs_of(parts: Parts, roles: Iterable[str]) -> Runs:
    return {name: run for role in roles for name, run in ROSTER[role](parts).items()}
