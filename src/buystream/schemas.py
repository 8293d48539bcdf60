"""The vocabulary as JSON Schemas, one file a message and version, and as an AsyncAPI document: generated from the
Structs into `schemas/`, committed, and checked. What is published there is a promise: a change that would break a
reader or a writer of it is refused; it needs a new version and an upcaster, and the old file stays."""

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from buystream import codec
from buystream.log import COMMANDS, DEADLETTER, EVENTS

Schema = dict[str, Any]

BASE_URL: Final = "https://buystream.dev/schemas"
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
ASYNCAPI: Final = "asyncapi.json"
FOLDERS: Final = {"commands": codec.COMMANDS, "events": codec.EVENTS}

FIELDS: Final = {
    "account": "The merchant's account at the payment provider; empty: the money stays with the platform.",
    "address": "Postal address, as it stands on receipts.",
    "all_or_nothing": "Whether money moves only if the target is reached in time.",
    "amount_minor": "In minor units of the currency.",
    "api_key_hash": "BLAKE2b hash of the merchant's API key, hex.",
    "at_ms": "Time of the command that this event answers; never decreases within a partition.",
    "attempt": "Which attempt to pay this is, counted from 1; 0 means whichever is next.",
    "attempts": "Orders asked for within the window.",
    "available": "Pieces that can be had now; absent when unlimited.",
    "awaits_terms": "Whether it takes orders only after its terms are applied.",
    "buyer_id": "The buyer.",
    "card_label": "What a buyer knows the card by: brand and last four digits.",
    "carrier": "Who carries the parcel.",
    "change_id": "The caller's id of this stock change; a repeat changes nothing.",
    "charity_id": "Registration number of the charity; empty when it is none.",
    "clicks": "How many taps on Buy.",
    "closes_at_ms": "End of the sale, exclusive; absent when it has none.",
    "command": "Name of the command that is answered; empty when it can't be read.",
    "currency": "ISO 4217 code.",
    "delivery": "Name, e-mail and address, encrypted with the buyer's own key.",
    "demand_id": "The gateway's id of this report; a repeat counts nothing.",
    "description": "Text of the offer.",
    "destination": "The provider's account that gets the money less the fee; empty: the platform's own.",
    "device": "Keyed hash of the buyer's device.",
    "dispute_id": "The provider's name for the dispute.",
    "edition_id": "The edition.",
    "edition_version": "Dense over the edition's own, its orders' and its payments' events, counted from 1.",
    "email": "Where buyers reach the merchant; empty when it isn't told.",
    "failed": "Refunds that the buyers' banks didn't take.",
    "fee_fixed_minor": "Fixed part of the platform's fee, per order.",
    "fee_minor": "The platform's part of the amount.",
    "fee_returned_minor": "The platform's part of what went back.",
    "fee_share_bps": "Share of the platform's fee; 100 basis points are 1 %.",
    "fixed_minor": "Fixed part of the fee, per order.",
    "flag_id": "The observer's id of this flag; a repeat changes nothing.",
    "from_ms": "For editions released from then on.",
    "gift_id": "The recurring gift, minted like an order id of its edition; empty when it is none.",
    "givers": "How many gave or pledged.",
    "grace_seconds": "What every running hold keeps at least.",
    "hold_expires_at_ms": "When the hold runs out; absent while its clock stands still.",
    "hold_seconds": "How long an order holds its stock.",
    "if_missed": "What a missed target means: void, or choose another project.",
    "image": "Name of the picture.",
    "interval_months": "Months from one gift to the next.",
    "keep_fee": "Whether the platform keeps its fee.",
    "kind": "ticket, record, gift or item.",
    "legal_name": "The merchant's full legal name.",
    "limit_per_buyer": "Pieces that one buyer may hold or have bought.",
    "measure": "What the attempts were counted by: buyer, device or network.",
    "merchant_id": "The merchant.",
    "mode": "setup: only save the payment method; empty: reserve the money.",
    "name": "What the shop is called.",
    "needs_address": "Whether a postal address is asked for.",
    "network": "Keyed hash of the buyer's network.",
    "next_due_ms": "When the next gift is placed.",
    "number": "Dense per merchant and year, counted from 1.",
    "off_session": "Whether the buyer isn't there to answer the bank.",
    "opens_at_ms": "Begin of the sale; absent when it has none.",
    "order_id": "The order: its edition's id and at least 96 random bits, minted by the buyer's browser.",
    "originator_id": "The aggregate that the event belongs to.",
    "originator_version": "Dense per aggregate, counted from 1.",
    "outcome": "How it ended, in one stable word.",
    "owner": "The process that decides from here on.",
    "paid_at_ms": "When the gift was paid.",
    "pause_seconds": "How long the buyer's orders are refused.",
    "payment_id": "The payment: its order's id and the attempt's number.",
    "payment_method": "The provider's token for the card.",
    "payment_state": "What the newest payment is now; empty when there is none.",
    "placed_at_ms": "When the order was placed.",
    "price_max_minor": "Highest unit price.",
    "price_min_minor": "Lowest unit price; equal to the highest when the price is fixed.",
    "price_minor": "Unit price that the buyer saw.",
    "quantity": "Pieces.",
    "raised_minor": "Given and pledged, less what went back.",
    "reason": "Why, in one stable word.",
    "receipts": "Whether each paid order gets a receipt number of its merchant.",
    "reference": "The provider's name for the payment.",
    "refund_by": "Who may give an order back: merchant or buyer.",
    "refund_id": "The caller's name for the refund, or the provider's; empty for the one whole refund.",
    "refund_restock": "Whether orders that buyers give back go on sale again.",
    "refund_share_bps": "Share of the money that buyers get back; 10000 is all of it.",
    "refund_until_ms": "Until when buyers may give orders back, exclusive; absent when it doesn't end.",
    "respond_by_ms": "Until when evidence counts; absent when the provider doesn't say.",
    "restock": "Whether the stock goes on sale again; otherwise it is withdrawn.",
    "reusable_method": "The provider's token for the next time.",
    "rules_version": "The rules that decide from here on.",
    "save": "Whether the buyer asked to be remembered.",
    "share_bps": "Share of the fee; 100 basis points are 1 %.",
    "state": "What the order is now.",
    "stock": "Pieces issued; null when unlimited.",
    "subject": "Whom or what the command was about; empty when it can't be read.",
    "suggested_minor": "Prices offered to choose from.",
    "target_minor": "What a campaign wants to raise; absent when it is none.",
    "tax_bps": "Tax included in the price, in basis points of the price without it.",
    "tax_id": "Tax number; empty when there is none.",
    "tax_label": "What the tax is called.",
    "terms_id": "The fee terms; empty when the platform keeps nothing.",
    "title": "What is sold.",
    "tracking": "The carrier's number of the parcel.",
    "type": "The message's name and version.",
    "until_ms": "When the pause ends.",
    "url": "Where the buyer's bank wants to see the buyer.",
    "was_refunded": "Whether the refund had been reported as done.",
    "whole": "Whether the buyer keeps nothing.",
    "window_seconds": "How long the window is that the attempts fell into.",
    "year": "Of the payment (UTC).",
}
"""What each field means, wherever it stands."""

UNITS: Final = {
    "_ms": "Milliseconds since the epoch.",
    "_minor": "Minor units of the currency.",
    "_seconds": "Seconds.",
}

HEADERS: Final = {
    "ce_specversion": "CloudEvents version.",
    "ce_id": "On a command: its id. On an event: partition and sequence.",
    "ce_source": "Who says it.",
    "ce_type": "The message's type and version.",
    "ce_time": "Time of the event, RFC 3339.",
    "ce_subject": "The aggregate.",
    "ce_partitionkey": "The edition, or the aggregate when it belongs to none.",
    "ce_sequence": "Dense per partition, counted from 0.",
    "ce_aggregateversion": "Dense per aggregate, counted from 1.",
    "ce_editionversion": "Dense per edition, counted from 1; only on events of an edition, its orders and payments.",
    "ce_commandposition": "Position of the command that this event answers.",
    "ce_causationid": "Id of the command that this event answers.",
    "ce_rulesversion": "The rules that it was decided by.",
    "ce_replyto": "The gateway that waits for the answer.",
    "content-type": "Media type of the body.",
    "dl_topic": "Where the dead letter stood.",
    "dl_position": "Its position there.",
    "dl_reason": "Why it couldn't be read.",
    "dl_consumer": "Who couldn't read it.",
}

CHANNELS: Final = {
    "commands": (COMMANDS, "receive", "Requests, decided once each in the order of the log.", ("ce_id", "ce_type")),
    "events": (
        EVENTS,
        "send",
        "Decisions: every command is answered here.",
        tuple(name for name in HEADERS if name.startswith(("ce_", "content"))),
    ),
    "deadletter": (
        DEADLETTER,
        "send",
        "What couldn't be read, as it was, with where it stood and why.",
        tuple(name for name in HEADERS if name.startswith("dl_")),
    ),
}  # fmt: skip
"""Topic, direction as seen from buystream, meaning, and the headers."""

HEADERS_OPTIONAL: Final = {"ce_replyto", "ce_editionversion"}


def schema_of(message: type[msgspec.Struct]) -> Schema:
    """The JSON Schema of one message in its version."""
    (schema,) = msgspec.json.schema_components([message], ref_template="#/$defs/{name}")[1].values()
    for name, field in schema["properties"].items():
        unit = next((text for suffix, text in UNITS.items() if name.endswith(suffix)), "")
        field["description"] = f"{FIELDS[name]} {unit}".strip() if unit not in FIELDS[name] else FIELDS[name]
    identified = {"$schema": DIALECT, "$id": f"{BASE_URL}/{path_of(message)}", **schema}
    identified["title"] = str(message.__struct_config__.tag)
    plain: Schema = msgspec.json.decode(msgspec.json.encode(identified))  # tuples become lists, as when read back
    return plain


def path_of(message: type[msgspec.Struct]) -> str:
    """`events/OrderPlaced.v1.json`."""
    folder = next(folder for folder, messages in FOLDERS.items() if message in messages)
    return f"{folder}/{message.__struct_config__.tag}.json"


def current() -> dict[str, Schema]:
    """The schema of every message that this code writes, by path."""
    return {path_of(message): schema_of(message) for messages in FOLDERS.values() for message in messages}


def published(directory: Path) -> dict[str, Schema]:
    """The schemas in the folder, by path."""
    return {
        f"{folder}/{file.name}": msgspec.json.decode(file.read_bytes())
        for folder in FOLDERS
        for file in sorted((directory / folder).glob("*.json"))
    }


def breaches(
    old: Mapping[str, Schema], new: Mapping[str, Schema], upcasters: Iterable[str] = codec.UPCASTERS
) -> list[str]:
    """What the change from `old` to `new` breaks, one line each."""
    found: list[str] = []
    for path, was in old.items():
        now = new.get(path)
        found += _vanished(path, new, upcasters) if now is None else _changed(path, was, now)
    return found


def _vanished(path: str, new: Mapping[str, Schema], upcasters: Iterable[str]) -> Iterator[str]:
    """An old version is read for ever: through an upcaster, step by step, up to a newer version."""
    tag = Path(path).stem
    stem, version = _split(path)
    if not any(_split(other)[0] == stem and _split(other)[1] > version for other in new):
        yield f"{path}: no message has this type or a newer version of it"
    if tag not in upcasters:
        yield f"{path}: nothing upcasts {tag}: add it to codec.UPCASTERS"


def _changed(path: str, was: Schema, now: Schema) -> Iterator[str]:
    for name, field in was["properties"].items():
        if name not in now["properties"]:
            yield f"{path}: lost the field {name}"
        elif _shape(field) != _shape(now["properties"][name]):
            yield f"{path}: the field {name} was {_shape(field)} and is {_shape(now['properties'][name])}"
    for name in sorted({*was["required"]} ^ {*now["required"]}):
        if name in was["properties"] and name in now["properties"]:
            yield f"{path}: the field {name} must stay {'required' if name in was['required'] else 'optional'}"
        elif name in now["required"]:
            yield f"{path}: gained the required field {name}"


def _shape(field: Schema) -> Schema:
    """The type and the default: messages leave defaults out, so another default would change what was said."""
    return {name: value for name, value in field.items() if name != "description"}


def _split(path: str) -> tuple[str, int]:
    stem, _, version = path.removesuffix(".json").rpartition(".v")
    return stem, int(version)


def asyncapi(schemas: Mapping[str, Schema]) -> Schema:
    """The AsyncAPI 3 document over all these messages."""
    messages = {
        Path(path).stem: {
            "name": Path(path).stem,
            "title": _split(path)[0].partition("/")[2],
            "summary": schema["description"],
            "contentType": codec.CONTENT_TYPE,
            "headers": {"$ref": f"#/components/schemas/{path.partition('/')[0]}-headers"},
            "payload": {"schemaFormat": "application/schema+json;version=2020-12", "schema": {"$ref": f"./{path}"}},
        }
        for path, schema in schemas.items()
    }
    messages["DeadLetter"] = {
        "name": "DeadLetter",
        "title": "DeadLetter",
        "summary": CHANNELS["deadletter"][2],
        "contentType": "application/octet-stream",
        "headers": {"$ref": "#/components/schemas/deadletter-headers"},
    }
    of_channel = {folder: [Path(path).stem for path in schemas if path.startswith(f"{folder}/")] for folder in FOLDERS}
    of_channel["deadletter"] = ["DeadLetter"]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "buystream",
            "version": "1.0.0",
            "description": "Every request is a command on one log; every command is answered by events on another."
            " Bodies are JSON; headers are CloudEvents 1.0 in the Kafka binary mode.",
        },
        "defaultContentType": codec.CONTENT_TYPE,
        "channels": {
            name: {
                "address": address,
                "description": meaning,
                "messages": {tag: {"$ref": f"#/components/messages/{tag}"} for tag in of_channel[name]},
            }
            for name, (address, _, meaning, _) in CHANNELS.items()
        },
        "operations": {
            f"{action}-{name}": {"action": action, "channel": {"$ref": f"#/channels/{name}"}, "summary": meaning}
            for name, (_, action, meaning, _) in CHANNELS.items()
        },
        "components": {
            "messages": messages,
            "schemas": {f"{name}-headers": _headers(names) for name, (_, _, _, names) in CHANNELS.items()},
        },
    }


def _headers(names: Iterable[str]) -> Schema:
    listed = [*names]
    return {
        "type": "object",
        "properties": {name: {"type": "string", "description": HEADERS[name]} for name in listed},
        "required": [name for name in listed if name not in HEADERS_OPTIONAL],
    }


def documents(directory: Path) -> dict[str, Schema]:
    """All that belongs into the folder: what was published, as the code says it now, and the AsyncAPI document."""
    schemas = dict(sorted({**published(directory), **current()}.items()))
    return {**schemas, ASYNCAPI: asyncapi(schemas)}


def check(directory: Path) -> list[str]:
    """What is wrong with the folder, one line each; empty when it says what the code says and breaks no promise."""
    found = broken_promises(directory)
    for path, document in documents(directory).items():
        file = directory / path
        if not file.exists() or file.read_bytes() != _text(document):
            found.append(f"{path}: is not what the code says; run `python -m buystream.schemas --write`")
    return found


def broken_promises(directory: Path) -> list[str]:
    """What was published and is gone or changed."""
    there = published(directory)
    index = directory / ASYNCAPI
    listed = msgspec.json.decode(index.read_bytes())["components"]["messages"] if index.exists() else {}
    tags = {Path(path).stem for path in there} | {"DeadLetter"}
    gone = [f"{tag}: was published and its file is gone; restore it" for tag in listed if tag not in tags]
    return gone + breaches(there, current())


def write(directory: Path) -> list[str]:
    """Write the folder, unless that would break a promise: then nothing is written and the reasons are returned."""
    found = broken_promises(directory)
    if found:
        return found
    for path, document in documents(directory).items():
        file = directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_text(document))
    return []


def _text(document: Schema) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def main() -> int:
    """The command line: 0 when all is well, 1 with one line for each thing that isn't."""
    parser = argparse.ArgumentParser(prog="python -m buystream.schemas", description="The published schemas.")
    parser.add_argument("--directory", type=Path, default=Path("schemas"))
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", action="store_true", help="write what the code says, unless it breaks a promise")
    what.add_argument("--check", action="store_true", help="compare what is written with what the code says")
    asked = parser.parse_args()
    found = write(asked.directory) if asked.write else check(asked.directory)
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
