"""A schema registry on this machine, in memory, held to the documented HTTP API of Confluent's: its paths, bodies and
error codes, and its rules for JSON Schemas that allow fields they don't name.
https://docs.confluent.io/platform/current/schema-registry/develop/api.html"""

import base64
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import jsonschema

MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
LEVELS = ("NONE", *(f"{way}{more}" for way in ("BACKWARD", "FORWARD", "FULL") for more in ("", "_TRANSITIVE")))


class Trouble(Exception):
    """An error as the API answers it: status, code and message."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class Registry:
    """What the registry knows. `default_level` is the one of a subject without its own; `broken` answers everything."""

    def __init__(self) -> None:
        self.default_level = "BACKWARD"
        self.levels: dict[str, str] = {}
        self.subjects: dict[str, list[str]] = {}
        self.ids: dict[str, int] = {}
        self.asked: list[str] = []
        self.credentials: str = ""
        self.broken: Trouble | None = None
        self.url = ""

    def changes(self) -> list[str]:
        """What was asked that changes something, in this order; it is forgotten."""
        found = [one for one in self.asked if one.startswith("PUT") or re.match(r"POST /subjects/[^/]+/versions$", one)]
        self.asked.clear()
        return found

    def answer(self, method: str, path: str, body: Any) -> dict[str, Any]:
        """Of one request; raises Trouble."""
        for route, does in self._routes():
            if found := re.fullmatch(route, f"{method} {path}"):
                return does(unquote(found[1]), body)
        raise Trouble(404, 404, "HTTP 404 Not Found")

    def _routes(self) -> list[tuple[str, Callable[[str, Any], dict[str, Any]]]]:
        return [
            (r"POST /subjects/([^/]+)", self._look_up),
            (r"POST /subjects/([^/]+)/versions", self._register),
            (r"POST /compatibility/subjects/([^/]+)/versions", self._compare),
            (r"GET /config/([^/]+)", self._level),
            (r"PUT /config/([^/]+)", self._set_level),
        ]

    def _look_up(self, subject: str, body: Any) -> dict[str, Any]:
        schema = schema_in(body)
        if subject not in self.subjects:
            raise Trouble(404, 40401, f"Subject '{subject}' not found.")
        if schema not in self.subjects[subject]:
            raise Trouble(404, 40403, "Schema not found")
        version = self.subjects[subject].index(schema) + 1
        return {"subject": subject, "id": self.ids[schema], "version": version, "schemaType": "JSON", "schema": schema}

    def _register(self, subject: str, body: Any) -> dict[str, Any]:
        schema = schema_in(body)
        if schema in self.subjects.get(subject, []):
            return {"id": self.ids[schema]}
        if problems := self._problems(subject, schema):
            raise Trouble(409, 409, f"Schema being registered is incompatible with an earlier schema: {problems}")
        self.subjects.setdefault(subject, []).append(schema)
        return {"id": self.ids.setdefault(schema, len(self.ids) + 1)}

    def _compare(self, subject: str, body: Any) -> dict[str, Any]:
        problems = self._problems(subject, schema_in(body))
        return {"is_compatible": not problems, "messages": problems}

    def _level(self, subject: str, _: Any) -> dict[str, Any]:
        if subject not in self.levels:
            raise Trouble(404, 40408, f"Subject '{subject}' does not have subject-level compatibility configured")
        return {"compatibilityLevel": self.levels[subject]}

    def _set_level(self, subject: str, body: Any) -> dict[str, Any]:
        if body.get("compatibility") not in LEVELS:
            raise Trouble(422, 42203, "Invalid compatibility level")
        self.levels[subject] = body["compatibility"]
        return dict(body)

    def _problems(self, subject: str, schema: str) -> list[str]:
        level, there = self.levels.get(subject, self.default_level), self.subjects.get(subject, [])
        new, problems = json.loads(schema), []
        for text in there if level.endswith("_TRANSITIVE") else there[-1:]:
            old = json.loads(text)
            if level.startswith(("FORWARD", "FULL")):
                problems += [*cannot_read(old, new)]
            if level.startswith(("BACKWARD", "FULL")):
                problems += [*cannot_read(new, old)]
        return problems


def schema_in(body: Any) -> str:
    """The schema that a body brings; raises Trouble."""
    try:
        assert body["schemaType"] == "JSON"
        jsonschema.Draft202012Validator.check_schema(json.loads(body["schema"]))
    except (KeyError, AssertionError, ValueError, jsonschema.SchemaError) as error:
        raise Trouble(422, 42201, f"Invalid schema: {error}") from None
    text: str = body["schema"]
    return text


def cannot_read(reader: Any, writer: Any) -> Iterator[str]:
    """Why one who knows the one schema can't read what the other one allows, in the registry's words."""
    for name, field in reader["properties"].items():
        place = f"{{errorType:'%s', description:'…', path '#/properties/{name}'}}"
        if name not in writer["properties"]:
            yield place % "PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL"
        elif field.get("type") != writer["properties"][name].get("type"):
            yield place % "TYPE_CHANGED"
        elif name in reader["required"] and name not in writer["required"]:
            yield place % "REQUIRED_ATTRIBUTE_ADDED"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer leaves in one packet: the rest of it would wait for the client's acknowledgement
    registry: Registry

    def _answer(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = urlsplit(self.path).path
        self.registry.asked.append(f"{self.command} {path}")
        try:
            self._let_in()
            said, status = self.registry.answer(self.command, path, json.loads(content) if content else None), 200
        except Trouble as trouble:
            said, status = {"error_code": trouble.code, "message": trouble.message}, trouble.status
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", MEDIA_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _let_in(self) -> None:
        if self.registry.broken is not None:
            raise self.registry.broken
        wanted = f"Basic {base64.b64encode(self.registry.credentials.encode()).decode()}"
        if self.registry.credentials and self.headers.get("Authorization") != wanted:
            raise Trouble(401, 401, "Unauthorized")
        if self.command != "GET" and self.headers.get("Content-Type") != MEDIA_TYPE:
            raise Trouble(415, 415, "HTTP 415 Unsupported Media Type")

    do_GET = do_POST = do_PUT = _answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def schema_registry() -> Iterator[Registry]:
    """One that answers, on a port of its own."""
    registry = Registry()
    handler = type("Handler", (_Handler,), {"registry": registry})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        registry.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield registry
        finally:
            server.shutdown()
            thread.join()
