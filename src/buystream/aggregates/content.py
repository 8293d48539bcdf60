"""What an aggregate was made with, as a digest: the same id with the same content is a repeat, with any other content
a conflict."""

from hashlib import blake2b
from typing import Any

import msgspec

from buystream.vocabulary import commands, events
from buystream.vocabulary.values import Offer


def content_of(first: events.EditionReleased | events.MerchantRegistered) -> bytes:
    """16 bytes that differ for other content; neither the time counts nor what was worked out from it, nor whether a
    field says its default or is left out."""
    worked_out = {"saves_methods": False} if isinstance(first, events.EditionReleased) else {}
    asked = msgspec.structs.replace(first, at_ms=0, **worked_out)
    return _digest(_whole(asked))


def digest_of(*texts: str) -> bytes:
    """16 bytes that differ for other texts."""
    return _digest(texts)


def digest_of_page(page: commands.DescribeEdition | events.EditionDescribed) -> bytes:
    """16 bytes that differ when an edition's page is to say something else."""
    return _digest((page.title, page.story, page.pictures, page.notes))


def digest_of_offer(offer: Offer) -> bytes:
    """16 bytes that differ for other offers."""
    return _digest(_whole(offer))


def _digest(value: Any) -> bytes:
    return blake2b(msgspec.json.encode(value), digest_size=16).digest()


def _whole(value: Any) -> Any:
    """With every field, whatever a message leaves out."""
    if isinstance(value, msgspec.Struct):
        return {name: _whole(getattr(value, name)) for name in value.__struct_fields__}
    return [_whole(part) for part in value] if isinstance(value, tuple) else value
