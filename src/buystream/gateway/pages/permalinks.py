"""Buy permalinks of the Universal Commerce Protocol: `/buy/<item>:<quantity>,…?…&continue_to=/…` is read here, and what
it leads to. Nothing in such a link is trusted, and nothing is ordered or charged by opening one
(ucp.dev, specification/permalink). An item is an edition, or `<edition>.<variant>`."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple
from urllib.parse import quote, urlencode, urljoin, urlsplit

from buystream.errors import BuystreamError
from buystream.vocabulary.ids import is_edition_id
from buystream.vocabulary.placements import PERSONAL

ITEMS_MAX: Final = 20
"""As many as an order has lines."""

QUERY_MAX: Final = 40
"""Parameters that are read; the rest is dropped."""

PLAIN_VALUE: Final = re.compile(r"[\w .,:()-]{0,80}")
"""Of a parameter that is passed on: a campaign's name, not an address, a key or a token."""

CONTINUE_TO: Final = "continue_to"

CARRIED: Final = re.compile(r"[A-Za-z0-9_.-]{1,40}")
"""Names of parameters that are passed on."""

ROOTS: Final = frozenset(
    {
        *("attribution", "buyer", "consent", "context", "continue_url", "currency", "discounts", "expires_at"),
        *("fulfillment", "id", "line_items", "links", "loyalty", "messages", "order", "payment", "signals", "status"),
        *("totals", "ucp"),
    }
)
"""The top-level fields of UCP's cart and checkout. Of these, links set the first code here; attribution is passed
on."""

LINES: Final = re.compile(r"[a-z0-9-]{0,40}:[1-9][0-9]{0,5}(,[a-z0-9-]{1,40}:[1-9][0-9]{0,5}){0,19}")
"""What an edition's page takes as `lines`: variants and quantities, `:2` or `size-s:2,size-m:1`."""

CODE: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,59}")
"""What an edition's page takes as `code`, and fills into the field for it."""

CODES: Final = ("/discounts/codes/0", "/code")
"""The names by which a link gives a code: UCP's, and the page's own."""

NOTICES: Final = {
    "one-edition": "This link lists things from several sales. Each is ordered separately; this is the first."
}
"""What an edition's page says by its `notice`."""

_SECRET: Final = re.compile(r"token|secret|passw|api_?key|session|auth|credential|mail|phone", re.IGNORECASE)
_RAW: Final = re.compile(r"[A-Za-z0-9._-]+")
_QUANTITY: Final = re.compile(r"[1-9][0-9]{0,5}")
_VARIANT: Final = re.compile(r"[a-z0-9-]{1,40}")


class BadPermalink(BuystreamError):
    """It can't be read, or could be read in two ways."""


class Item(NamedTuple):
    """One thing that a link names; `variant_id` is empty where it names an edition only."""

    edition_id: str
    variant_id: str
    quantity: int


def items_of(path: str) -> list[Item]:
    """The items of a link's path; raises BadPermalink."""
    pairs = path.split(",")
    if len(pairs) > ITEMS_MAX:
        raise BadPermalink(f"a link names {ITEMS_MAX} items at most")
    return [_item(pair) for pair in pairs]


def _item(pair: str) -> Item:
    token, _, quantity = pair.rpartition(":")
    if not _QUANTITY.fullmatch(quantity):
        raise BadPermalink(f"{pair[:80]!r} has no quantity")
    edition_id, _, variant_id = _identifier(token).partition(".")
    if not is_edition_id(edition_id) or (variant_id and not _VARIANT.fullmatch(variant_id)):
        raise BadPermalink(f"{token[:80]!r} is nothing that this shop sells")
    return Item(edition_id, variant_id, int(quantity))


def _identifier(token: str) -> str:
    """What a token stands for: itself, or after a tilde the UTF-8 of its base64url."""
    if not token.startswith("~"):
        if not _RAW.fullmatch(token):
            raise BadPermalink(f"{token[:80]!r} is not an item")
        return token
    encoded = token[1:]
    try:
        data = urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        if urlsafe_b64encode(data).rstrip(b"=").decode() != encoded:
            raise ValueError("it is not canonical")
        return data.decode()
    except ValueError as error:
        raise BadPermalink(f"{token[:80]!r} is not base64url of a text") from error


def destination(items: Iterable[Item], query: Iterable[tuple[str, str]]) -> str:
    """Where the link leads: a path of this shop with its query. Raises BadPermalink for a query that could be read in
    two ways."""
    wanted = list(items)
    asked, carried = _sorted(query)
    path, shown = _page_of(wanted)
    if (elsewhere := same_origin_path(asked)) is not None:
        path, shown = elsewhere, shown if elsewhere == path else {}
    search = urlencode(shown | carried, safe=":,")
    return f"{path}?{search}" if search else path


def _page_of(items: list[Item]) -> tuple[str, dict[str, str]]:
    """The page of the first edition, with its lines as they stand in the page's `lines`."""
    if not items:
        return "/", {}
    edition_id = items[0].edition_id
    of_one = [item for item in items if item.edition_id == edition_id]
    shown = {"lines": ",".join(f"{item.variant_id}:{item.quantity}" for item in of_one)}
    return f"/e/{edition_id}", shown | ({"notice": "one-edition"} if len(of_one) < len(items) else {})


def _sorted(query: Iterable[tuple[str, str]]) -> tuple[str, dict[str, str]]:
    """`continue_to`, empty without one, and what is passed on. A name that occurs twice is ambiguous."""
    asked = ""
    carried: dict[str, str] = {}
    seen: set[str] = set()
    for name, value in list(query)[:QUERY_MAX]:
        pointer = name if name == CONTINUE_TO else "/" + name.removeprefix("/")
        if pointer in seen:
            raise BadPermalink(f"{name[:80]!r} occurs twice")
        seen.add(pointer)
        if name == CONTINUE_TO:
            asked = value
            continue
        if pointer in CODES and CODE.fullmatch(value):
            carried["code"] = value
            continue
        root, _, field = pointer[1:].partition("/")
        if root == "attribution" or root not in ROOTS:
            carried |= _carried(field if root == "attribution" else root + field, value)
    return asked, carried


def _carried(name: str, value: str) -> Mapping[str, str]:
    """The parameter, unless it may be a secret or somebody's, or is no plain text."""
    is_plain = CARRIED.fullmatch(name) and PLAIN_VALUE.fullmatch(value) and not PERSONAL.search(value)
    return {name: value} if is_plain and not _SECRET.search(name) and name not in ("lines", "notice", "code") else {}


def same_origin_path(text: str) -> str | None:
    """The path of this shop that `continue_to` (decoded once) names, canonical and safe in a header; None for anything
    else."""
    if not text.startswith("/") or text.startswith("//") or "\\" in text or not text.isprintable() or " " in text:
        return None
    parts = urlsplit(urljoin("https://shop.invalid/", text))
    if parts.netloc != "shop.invalid" or parts.scheme != "https":
        return None
    return "/" + quote(parts.path.lstrip("/"), safe="/~:@!$&'()*+,;=-._")
