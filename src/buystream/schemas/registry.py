"""A schema registry with Confluent's HTTP API learns every published version of every message: docs/decisions/0043 says
under which names, and with which promise. https://docs.confluent.io/platform/current/schema-registry/develop/api.html"""

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Final, Literal
from urllib.parse import quote

import httpx
import msgspec

from buystream.errors import BuystreamError
from buystream.schemas.messages import FEED, Schema
from buystream.settings import Settings

MEDIA_TYPE: Final = "application/vnd.schemaregistry.v1+json"
SCHEMA_TYPE: Final = "JSON"

LEVEL: Final = "FORWARD_TRANSITIVE"
"""Readers by any earlier schema of a subject read what is written by the newest one. Our schemas allow fields that they
don't name; for such the registry calls an added optional field compatible in this direction only."""

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 30.0

SUBJECT_NOT_FOUND: Final = 40401
SCHEMA_NOT_FOUND: Final = 40403
State = Literal["registered", "new", "changed", "refused"]


class SchemaRegistryFailed(BuystreamError):
    """The registry can't be reached, doesn't let us, or answered something else than its API says."""


class SubjectState(msgspec.Struct, frozen=True):
    """A subject beside what is published: `registered`, `new` (no such subject yet), `changed` (the schema will be its
    next version) or `refused`, with the reason."""

    subject: str
    state: State
    reason: str = ""


class _Refused(Exception):
    """An answer that isn't a success: its status, and what it says."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class _Trouble(msgspec.Struct):
    error_code: int = 0
    message: str = ""


class SchemaRegistry:
    """A connection to the registry; a context manager."""

    def __init__(self, url: str, credentials: tuple[str, str] | None = None) -> None:
        self.url = url
        self._client = httpx.Client(
            base_url=url,
            auth=credentials,
            headers={"Accept": f"{MEDIA_TYPE}, application/json", "Content-Type": MEDIA_TYPE},
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
        )

    def __enter__(self) -> "SchemaRegistry":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.close()

    def compare(self, schemas: Mapping[str, Schema]) -> list[SubjectState]:
        """Every published schema beside its subject; changes nothing. Raises SchemaRegistryFailed."""
        return [self._compared(subject, schema) for subject, schema in subjects(schemas)]

    def register(self, schemas: Mapping[str, Schema]) -> list[SubjectState]:
        """Registers what isn't there, and returns those subjects as they were before. When one would be refused, none
        is registered. Raises SchemaRegistryFailed. Repeated, it changes nothing."""
        wanted = dict(subjects(schemas))
        missing = [one for one in self.compare(schemas) if one.state != "registered"]
        for one in missing:
            self._promise(one.subject)
        missing = [one if one.state == "new" else self._compared(one.subject, wanted[one.subject]) for one in missing]
        if any(one.state == "refused" for one in missing):
            return missing
        for one in missing:
            self._call("POST", f"/subjects/{_in_path(one.subject)}/versions", _body(wanted[one.subject]))
        return missing

    def _compared(self, subject: str, schema: Schema) -> SubjectState:
        path, body = _in_path(subject), _body(schema)
        try:
            self._ask("POST", f"/subjects/{path}", body)
        except _Refused as refused:
            if refused.code == SUBJECT_NOT_FOUND:
                return SubjectState(subject, "new")
            if refused.code != SCHEMA_NOT_FOUND:
                raise self._failed(f"looking for {subject}", refused) from None
        else:
            return SubjectState(subject, "registered")
        level = self._level_of(subject)
        if level != LEVEL:
            return SubjectState(subject, "changed", f"its compatibility level is {level or 'not set'}, not {LEVEL}")
        answer = self._call("POST", f"/compatibility/subjects/{path}/versions?verbose=true", body)
        if answer.get("is_compatible") is True:
            return SubjectState(subject, "changed")
        reasons = "; ".join(str(one) for one in answer.get("messages") or ["it gives no reason"])
        return SubjectState(subject, "refused", " ".join(reasons.split()))

    def _level_of(self, subject: str) -> str:
        """The subject's own compatibility level; empty when it has none."""
        try:
            return str(self._ask("GET", f"/config/{_in_path(subject)}").get("compatibilityLevel", ""))
        except _Refused as refused:
            if refused.status == 404:
                return ""
            raise self._failed(f"reading the compatibility level of {subject}", refused) from None

    def _promise(self, subject: str) -> None:
        if self._level_of(subject) != LEVEL:
            self._call("PUT", f"/config/{_in_path(subject)}", {"compatibility": LEVEL})

    def _call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        try:
            return self._ask(method, path, body)
        except _Refused as refused:
            raise self._failed(f"{method} {path.partition('?')[0]}", refused) from None

    def _ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """The answer, as JSON; raises _Refused, or SchemaRegistryFailed when there is none."""
        content = None if body is None else msgspec.json.encode(body)
        try:
            answer = self._client.request(method, path, content=content)
        except httpx.HTTPError as error:
            raise SchemaRegistryFailed(
                f"can't reach the schema registry at {self.url}: {str(error) or type(error).__name__}"
            ) from error
        if not answer.is_success:
            said = _trouble_in(answer)
            raise _Refused(answer.status_code, said.error_code, said.message or answer.reason_phrase)
        try:
            return msgspec.json.decode(answer.content, type=dict[str, Any])
        except msgspec.DecodeError:
            raise SchemaRegistryFailed(f"{self.url} answers, but not as a schema registry does") from None

    def _failed(self, doing: str, refused: _Refused) -> SchemaRegistryFailed:
        if refused.status in (401, 403):
            return SchemaRegistryFailed(
                f"the schema registry at {self.url} doesn't let us ({refused.status}):"
                " check BUYSTREAM_SCHEMA_REGISTRY_CREDENTIALS and what they may do"
            )
        code = refused.code or refused.status
        return SchemaRegistryFailed(f"the schema registry at {self.url} refuses ({doing}): {refused.message} ({code})")


def open_registry(settings: Settings) -> SchemaRegistry:
    """The one that is configured; raises SchemaRegistryFailed when none is."""
    if not settings.schema_registry_url:
        raise SchemaRegistryFailed("BUYSTREAM_SCHEMA_REGISTRY_URL is not set: there is no schema registry to work with")
    return SchemaRegistry(settings.schema_registry_url, settings.schema_registry_credentials)


def subjects(schemas: Mapping[str, Schema]) -> Iterator[tuple[str, Schema]]:
    """The subject and the schema of every published version: `buystream.OrderShipped.v1`, as in a record's `type`, and
    `buystream.feed.OrderShipped.v1` of the form that merchants read. Examples aren't part of what is registered:
    another example is no other version."""
    for path, schema in schemas.items():
        prefix = f"buystream.{FEED}." if path.startswith(f"{FEED}/") else "buystream."
        yield f"{prefix}{schema['title']}", {name: it for name, it in schema.items() if name != "examples"}


def _body(schema: Schema) -> dict[str, str]:
    return {"schemaType": SCHEMA_TYPE, "schema": msgspec.json.encode(schema).decode()}


def _in_path(subject: str) -> str:
    return quote(subject, safe="")


def _trouble_in(answer: httpx.Response) -> _Trouble:
    try:
        return msgspec.json.decode(answer.content, type=_Trouble)
    except msgspec.DecodeError:
        return _Trouble()
