"""Lists as Stripe gives them: newest first, filtered by creation, in pages (https://docs.stripe.com/api/pagination)."""

from collections.abc import Callable, Sequence
from operator import ge, gt, le, lt

from tests.support.stripe.answers import Json, Refused, missing
from tests.support.stripe.forms import Form

COMPARISONS: dict[str, Callable[[int, int], bool]] = {"gt": gt, "gte": ge, "lt": lt, "lte": le}


def page(url: str, oldest_first: Sequence[Json], form: Form, *, filters: tuple[str, ...] = ()) -> Json:
    """One page. `filters` are the fields that may be requested by value."""
    form = dict(form)
    limit = int(form.pop("limit", 10))
    after, before = form.pop("starting_after", None), form.pop("ending_before", None)
    created = form.pop("created", {})
    wanted = {name: form.pop(name) for name in filters if name in form}
    if form:
        raise Refused(f"Received unknown parameters: {', '.join(form)}", code="parameter_unknown")
    if not 1 <= limit <= 100:
        raise Refused("Limits range between 1 and 100.", code="parameter_invalid_integer", param="limit")
    found = [
        item
        for item in reversed(oldest_first)
        if _created_then(item["created"], created) and all(item.get(name) == value for name, value in wanted.items())
    ]
    if after:
        found = found[_place(found, after, "starting_after") + 1 :]
    if before:
        found = found[: _place(found, before, "ending_before")][-limit:]
    return {"object": "list", "url": url, "has_more": len(found) > limit, "data": found[:limit]}


def _created_then(at: int, created: Form | str) -> bool:
    if isinstance(created, str):
        return at == int(created)
    if unknown := created.keys() - COMPARISONS:
        raise Refused(f"Received unknown parameters: {unknown}", code="parameter_unknown", param="created")
    return all(COMPARISONS[name](at, int(bound)) for name, bound in created.items())


def _place(found: list[Json], id_: str, param: str) -> int:
    for place, item in enumerate(found):
        if item["id"] == id_:
            return place
    raise missing("object", id_, param)
