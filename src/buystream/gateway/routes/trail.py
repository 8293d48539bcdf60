"""The trail: what a merchant's keys and members did, as sentences, page by page."""

from typing import Final

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery
from msgspec import Struct
from psycopg2.extensions import cursor

from buystream.gateway.routes.members import names_of
from buystream.gateway.routes.paging import page_of
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.key_holders import KeyHolder
from buystream.gateway.server.problems import HttpProblem
from buystream.projections import members, people, trail
from buystream.projections.trail import Step
from buystream.vocabulary.actors import DOOR, MERCHANT, OPERATOR, OWNER, key_of, member_of, role_of

PAGE_MAX: Final = 100
ACTOR_CHARS_MAX: Final = 200


class StepBody(Struct, frozen=True, kw_only=True):
    """One thing that somebody did. `who` and `did` make a sentence; `kind` is the event that it is on the log."""

    at_ms: int
    actor: str
    who: str
    did: str
    kind: str
    edition_id: str | None


class TrailBody(Struct, frozen=True):
    """A page, the newest first. Pass `next` as `after` to get the next page."""

    steps: list[StepBody]
    next: str | None


class Names(Struct, frozen=True):
    """What keys and members are called, by their ids; members who are erased have no name."""

    keys: dict[str, str]
    members: dict[str, str]

    def of_actor(self, actor: str) -> str:
        """Who it was, at the beginning of a sentence."""
        role = role_of(actor)
        if role == OPERATOR:
            return "The platform"
        said = OWNER if role == MERCHANT else role
        if member_id := member_of(actor):
            return f"{self.members.get(member_id, 'A former member')} ({said})"
        name = self.keys.get(key_of(actor), key_of(actor))
        return f"The scanner “{name}”" if role == DOOR else f"The {said} key “{name}”"


@get("/v1/merchant/trail", summary="Who did what")
async def read_trail(
    gateway: NamedDependency[Gateway],
    holder: NamedDependency[KeyHolder],
    by: FromQuery[str | None] = None,
    after: FromQuery[str | None] = None,
    limit: FromQuery[int] = PAGE_MAX,
) -> TrailBody:
    """What keys and members did, and the platform for the merchant, from the log. With `by`, an actor as a step says
    it, only what that one did."""
    if not 1 <= limit <= PAGE_MAX:
        raise HttpProblem("invalid", f"limit must be 1 to {PAGE_MAX}.")
    merchant_id, place = holder.merchant.merchant_id, _place(after)

    def read(cur: cursor) -> tuple[list[Step], list[people.ApiKey], list[members.MemberView]]:
        found = trail.steps(cur, merchant_id, actor=(by or "")[:ACTOR_CHARS_MAX], after=place, limit=limit + 1)
        return found, people.api_keys(cur, merchant_id), members.members_of(cur, merchant_id)

    await gateway.views_show_the_seen(*range(gateway.partitions))
    found, keys, known = await gateway.reads.query(read)
    plain = await gateway.reads.run(lambda: names_of(gateway, known))
    names = Names(
        {key.key_id: key.name for key in keys},
        {member_id: said["name"] for member_id, said in plain.items() if said.get("name")},
    )
    page, last = page_of(found, limit)
    return TrailBody([_body(step, names) for step in page], last.place if last else None)


ROUTES: Final = [read_trail]


def _body(step: Step, names: Names) -> StepBody:
    said = {
        "edition": step.edition or step.edition_id,
        **step.facts,
        "member": names.members.get(step.facts.get("member_id", ""), "a former member"),
        "key": f"“{names.keys.get(step.facts.get('key_id', ''), step.facts.get('key_id', ''))}”",
    }
    return StepBody(
        at_ms=step.at_ms,
        actor=step.actor,
        who=names.of_actor(step.actor),
        did=trail.sentence(step.kind, said),
        kind=step.kind,
        edition_id=step.edition_id or None,
    )


def _place(after: str | None) -> tuple[int, int, int] | None:
    """Where a page begins; raises HttpProblem (422)."""
    if after is None:
        return None
    parts = after.split(".")
    if len(parts) != 3 or not all(part.isascii() and part.isdecimal() and len(part) <= 18 for part in parts):
        raise HttpProblem("invalid", "Send after= as a page's next gave it.")
    at_ms, partition, position = (int(part) for part in parts)
    if partition > 1_000_000:
        raise HttpProblem("invalid", "Send after= as a page's next gave it.")
    return at_ms, partition, position
