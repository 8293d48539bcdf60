"""A request's head, read once for every route. A head that two readers could understand differently is refused (RFC
9110, 9112): nothing here guesses."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_to_bytes

import httptools

from buystream.gateway.server.problems import HttpProblem

Headers = Sequence[tuple[bytes, bytes]]
"""Of a request, their names in lower case."""

Head = dict[bytes, bytes]
"""The headers by name, among them all that we read: each at most once, but for the lists."""

SINGLE: Final = frozenset(
    {
        *(b"authorization", b"content-encoding", b"content-length", b"content-type", b"cookie", b"expect", b"host"),
        *(b"idempotency-key", b"origin", b"stripe-signature", b"transfer-encoding", b"upgrade", b"user-agent"),
    }
)
"""What may be there once: two of them would be read by one part of the shop and not by the other."""

LISTS: Final = frozenset({b"forwarded", b"x-forwarded-for"})
"""What proxies append to: several of them are one list (RFC 9110, 5.2)."""

SESSION_COOKIE: Final = b"buystream_session"
"""How the names of the session's cookies end."""

LIST_PARAMETERS: Final = frozenset({b"edition", b"order"})
"""What a query may hold several of: the subjects of /v1/live."""

IGNORED_WHEN_WRONG: Final = frozenset({b"traceparent"})
"""Several of them are as one that isn't valid (W3C Trace Context, 3.2)."""

SETTINGS: Final = frozenset({b"dnt", b"sec-gpc"})
"""With `1`, a browser asks for nothing to be kept of where its visitor came from: Global Privacy Control
(w3.org/TR/gpc) and its predecessor. Two of them mean the same."""

_READ: Final = SINGLE | LISTS | IGNORED_WHEN_WRONG | SETTINGS
_HOST: Final = re.compile(rb"(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
_BAD_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def read_request_head(headers: Headers) -> Head:
    """The head; raises HttpProblem (400) when it is ambiguous."""
    head = dict(headers)
    if len(head) < len(headers):
        head = _with_lists(headers)
    cookies = head.get(b"cookie")
    if cookies is not None and cookies.count(SESSION_COOKIE) > 1:
        _refuse_double_session(cookies)
    return head


def _with_lists(headers: Headers) -> Head:
    """The head of a request that has a name several times."""
    head: Head = {}
    for name, value in headers:
        if name in _READ:
            if name in head:
                if name in SINGLE:
                    raise ambiguous(f"There are two headers {name.decode()}.")
                value = head[name] + b", " + value
            head[name] = value
    return head


def check_framing(head: Head, version: str) -> None:
    """Where the request goes, where its body ends, and that the body is what it looks like; raises HttpProblem (400,
    415, 417). The parser has already refused a Content-Length beside a Transfer-Encoding, and duplicates of either."""
    host = head.get(b"host")
    if host is None:
        if version != "1.0":
            raise ambiguous("There is no Host header.")
    elif not _is_host(host):
        raise ambiguous("The Host header is not a host.")
    coding = head.get(b"transfer-encoding")
    if coding is not None and (version == "1.0" or coding.lower() != b"chunked"):
        raise ambiguous("The only Transfer-Encoding that is understood is chunked, and only in HTTP/1.1.")
    if b"content-encoding" in head and (coding is not None or head.get(b"content-length", b"0") != b"0"):
        _refuse_compressed(head[b"content-encoding"])
    expected = head.get(b"expect")
    if expected is not None and expected.lower() != b"100-continue":
        raise HttpProblem("expectation-failed")


def _refuse_compressed(coding: bytes) -> None:
    """Who unpacks a body, a proxy or a scanner, would read another one."""
    if coding.lower() != b"identity":
        raise HttpProblem("coded-body")


def read_target(target: bytes, host: bytes | None) -> tuple[str, bytes, bytes]:
    """The path decoded, the path as it was sent, and the query; raises HttpProblem (400)."""
    if b"#" in target:
        raise ambiguous("The request's target has a fragment.")
    if target[:1] != b"/":
        target = _origin_form(target, host)
    raw_path, _, query = target.partition(b"?")
    path = _decoded(raw_path) if b"%" in raw_path else raw_path.decode("ascii")
    if path.count("/") != raw_path.count(b"/"):
        raise ambiguous("The path has an encoded slash.")
    if b"%" in query:
        _decoded(query)
    if path.startswith("/v1/") and b"&" in query:
        _refuse_double_parameter(query)
    return path, raw_path, query


def cookie_of(header: bytes, name: bytes) -> bytes:
    """The value of the cookie of that name, empty when there is none; raises HttpProblem (400) when there are two.
    Cookies of other applications may look like anything: RFC 6265 has servers ignore what they don't know."""
    found = [
        value.strip() for key, _, value in (part.partition(b"=") for part in header.split(b";")) if key.strip() == name
    ]
    if len(found) > 1:
        raise ambiguous("There are two session cookies.")
    return found[0].strip(b'"') if found else b""


def ambiguous(detail: str) -> HttpProblem:
    """400: the request could be read in more than one way."""
    return HttpProblem("ambiguous", detail)


@lru_cache(256)
def _is_host(host: bytes) -> bool:
    return _HOST.fullmatch(host) is not None


def _refuse_double_session(cookies: bytes) -> None:
    names = [part.partition(b"=")[0].strip() for part in cookies.split(b";")]
    ours = [name for name in names if name.endswith(SESSION_COOKIE)]
    if len(ours) != len(set(ours)):
        raise ambiguous("There are two session cookies.")


def _origin_form(target: bytes, host: bytes | None) -> bytes:
    """The path and query of an absolute target (RFC 9112, 3.2.2), which must name the Host header's host."""
    try:
        parsed = httptools.parse_url(target)
    except httptools.HttpParserInvalidURLError:
        raise ambiguous("The request's target is neither a path nor a whole address.") from None
    if not parsed.schema or not parsed.host or parsed.userinfo:
        raise ambiguous("The request's target is neither a path nor a whole address.")
    scheme, _, rest = target.partition(b"://")
    authority = re.split(rb"[/?]", rest, maxsplit=1)[0]
    if host is not None and _comparable(authority, scheme) != _comparable(host, scheme):
        raise ambiguous("The request's target and its Host header name different hosts.")
    path: bytes = rest[len(authority) :]
    return path if path[:1] == b"/" else b"/" + path


def _comparable(authority: bytes, scheme: bytes) -> bytes:
    name, separator, port = authority.lower().rpartition(b":")
    if not separator or port.endswith(b"]"):
        return authority.lower()
    return name if port in (b"", {b"http": b"80", b"https": b"443"}.get(scheme.lower(), b"")) else authority.lower()


def _decoded(part: bytes) -> str:
    if _BAD_ESCAPE.search(part):
        raise ambiguous("A % of the request's target is not followed by two hexadecimal digits.")
    try:
        text = unquote_to_bytes(part).decode()
    except UnicodeDecodeError:
        raise ambiguous("The request's target is not UTF-8.") from None
    if _CONTROL.search(text):
        raise ambiguous("The request's target has a control character.")
    return text


def _refuse_double_parameter(query: bytes) -> None:
    names = [unquote_to_bytes(part.partition(b"=")[0].replace(b"+", b" ")) for part in query.split(b"&") if part]
    names = [name for name in names if name not in LIST_PARAMETERS]
    if len(names) != len(set(names)):
        raise ambiguous("A parameter is there twice.")
