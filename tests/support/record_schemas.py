"""Whether records of the log are what the published schemas say, by a JSON Schema validator that we didn't write. As a
program it judges the lines of `buystream events`: `buystream events | python -m tests.support.record_schemas`."""

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec

from buystream import schemas

DIRECTORY = Path(__file__).parents[2] / "schemas"
WRONG_MAX = 10


class RecordSchemas:
    """The published schemas, and those of the attributes. `judged` counts records by type."""

    def __init__(self) -> None:
        published = schemas.published(DIRECTORY)
        document = msgspec.json.decode((DIRECTORY / schemas.ASYNCAPI).read_bytes())["components"]["schemas"]
        self._messages: dict[str, Any] = {}
        for path, schema in published.items():
            folder = path.partition("/")[0]
            if folder in ("commands", "events"):
                whole = {
                    "allOf": [
                        document[f"{folder}-attributes"],
                        {"properties": {"type": {"const": f"buystream.{schema['title']}"}, "data": schema}},
                    ]
                }
                self._messages[schema["title"]] = jsonschema_rs.validator_for(whole)
        self.judged: Counter[str] = Counter()

    def problem(self, value: bytes) -> str:
        """What is wrong with the record; empty when nothing is."""
        record = msgspec.json.decode(value)
        title = str(record.get("type", "")).removeprefix("buystream.")
        validator = self._messages.get(title)
        if validator is None:
            return f"{title}: no such schema"
        self.judged[title] += 1
        error = next(validator.iter_errors(record), None)
        return "" if error is None else f"{title} {record.get('id')}: {error.message}"


def main() -> int:
    """0 when every line is valid; prints what isn't, and how many were judged."""
    records, wrong = RecordSchemas(), 0
    for line in sys.stdin.buffer:
        if problem := records.problem(line):
            wrong += 1
            if wrong <= WRONG_MAX:
                print(problem, file=sys.stderr)
    print(f"{records.judged.total()} records of {len(records.judged)} types judged, {wrong} wrong")
    return 1 if wrong or not records.judged else 0


if __name__ == "__main__":
    sys.exit(main())
