"""Checking a receipt offline: that its leaf opens to the event that it carries, that the tree of its checkpoint holds
the leaf, and that the checkpoint is one which others have seen, too."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from buystream.transparency.checkpoints import Checkpoint, checkpoint_of
from buystream.transparency.leaves import opened_by
from buystream.transparency.merkle import NotProved
from buystream.transparency.notes import SignedNote, VerifierKey
from buystream.transparency.policies import Policy
from buystream.transparency.proofs import Proof

RECEIPT_BYTES_MAX: Final = 10_000_000


class Verified(msgspec.Struct, frozen=True):
    """What was verified: the event, as it is on the shop's log, and who vouches for the checkpoint. `is_published` says
    whether it was compared with a published one."""

    origin: str
    size: int
    index: int
    event: dict[str, Any]
    signed_by: tuple[str, ...]
    is_published: bool


def verify(
    proof: Proof, *, policy: Policy | None = None, keys: Sequence[VerifierKey] = (), published: SignedNote | None = None
) -> Verified:
    """Raises NotProved, NotSigned, BadOpening and BadCheckpoint. Without a policy and keys, the published checkpoint is
    all that vouches for the receipt's."""
    opening, entry = opened_by(proof.extra or b"")
    checkpoint = checkpoint_of(proof.checkpoint)
    proof.check(entry, size=checkpoint.size, root=checkpoint.root)
    trusted = policy or (Policy(logs=tuple(keys)) if keys else None)
    signers = trusted.check(proof.checkpoint) if trusted else []
    if trusted and checkpoint.origin not in {key.name for key in trusted.logs}:
        raise NotProved(f"the receipt is of the log {checkpoint.origin}, whose key isn't known")
    if published is not None:
        _compare(checkpoint, checkpoint_of(published))
        if trusted:
            trusted.check(published)
    if not trusted and published is None:
        raise NotProved("nothing vouches for the receipt: a key, a policy or a published checkpoint is needed")
    return Verified(
        origin=checkpoint.origin,
        size=checkpoint.size,
        index=proof.index,
        event=msgspec.json.decode(opening.record),
        signed_by=tuple(key.name for key in signers),
        is_published=published is not None,
    )


def _compare(checkpoint: Checkpoint, published: Checkpoint) -> None:
    if checkpoint.origin != published.origin:
        raise NotProved(f"the receipt is of the log {checkpoint.origin}, the checkpoint of {published.origin}")
    if checkpoint.size != published.size:
        raise NotProved(
            f"the receipt is of a tree of {checkpoint.size} leaves, the checkpoint of one of {published.size}: ask the"
            f" shop for the receipt with ?size={published.size}"
        )
    if checkpoint.root != published.root:
        raise NotProved(f"the checkpoints differ: the log was shown to others with another tree of {published.size}")
