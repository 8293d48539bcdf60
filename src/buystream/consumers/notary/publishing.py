"""Publishing: a checkpoint is signed, noted outside the database, cosigned, and only then served. The order makes sure
that a checkpoint which anyone may have seen is one that this shop remembers, whatever is restored later."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from psycopg2.extensions import connection, cursor

from buystream.database import transaction
from buystream.errors import BuystreamError
from buystream.sealing import purpose_key
from buystream.transparency import tables
from buystream.transparency.checkpoints import BadCheckpoint, Checkpoint, read_checkpoint
from buystream.transparency.merkle import root_of
from buystream.transparency.notes import NotSigned, SignedNote, Signer, VerifierKey, verified
from buystream.transparency.policies import Policy
from buystream.transparency.tables import LogKey, Tree
from buystream.transparency.tiles import NoSuchTile

if TYPE_CHECKING:
    from buystream.consumers.notary.witnesses import Witnesses

BEGIN: Final = "'buystream tlog begin ORIGIN' starts a new one, under another name; see docs/proof.md"

logger = logging.getLogger(__name__)


class Forked(BuystreamError):
    """The tree isn't the one that checkpoints were published of. Nothing is signed any more: to sign two histories is
    what a transparency log must never do."""


def signer_of(root: bytes, origin: str, number: int = 0) -> Signer:
    """A key of the log with that origin, from the shop's root secret; the first has the number 0."""
    purpose = f"transparency log {origin}"
    return Signer(origin, purpose_key(root, f"{purpose} key {number}" if number else purpose))


class Signers:
    """The keys of one log, from the shop's root secret."""

    def __init__(self, root: bytes, origin: str) -> None:
        self._root = root
        self._origin = origin
        self._made: dict[int, Signer] = {}

    def known(self, keys: Sequence[LogKey]) -> list[VerifierKey]:
        """Their public halves; raises Forked if one isn't ours."""
        return [self._signer(key).key for key in keys]

    def sign(self, checkpoint: Checkpoint, keys: Sequence[LogKey]) -> SignedNote:
        """With the signature of every key that signs a tree of that size, the newest first."""
        newest, *others = [self._signer(key) for key in reversed(keys) if key.signs(checkpoint.size)]
        note = newest.sign(checkpoint.text)
        return note.with_signatures(line for one in others for line in one.sign(checkpoint.text).signatures)

    def _signer(self, key: LogKey) -> Signer:
        if key.number not in self._made:
            self._made[key.number] = signer_of(self._root, self._origin, key.number)
        signer = self._made[key.number]
        if str(signer.key) != key.vkey:
            raise Forked(f"the transparency log {self._origin} was begun with another secret, or begun anew: {BEGIN}")
        return signer


def _witnesses_of(policy: Policy) -> "Witnesses | None":
    if not policy.witnesses:
        return None
    from buystream.consumers.notary.witnesses import Witnesses  # with a library that few notaries need

    return Witnesses(policy)


class FileUnavailable(BuystreamError):
    """The file of the newest checkpoint can't be read or written now: its disk is full, for example."""


class Publisher:
    """Signs and publishes the checkpoints of one tree. Used by one thread."""

    def __init__(self, signers: Signers, *, file: Path | None, policy: Policy) -> None:
        """`file` keeps the newest checkpoint outside the database."""
        self._signers = signers
        self._file = file
        self._policy = policy
        self._witnesses = _witnesses_of(policy)

    def check(self, cur: cursor, tree: Tree) -> None:
        """That the tree continues the newest checkpoint that was signed, here and in the file. Raises Forked and
        FileUnavailable."""
        self._signers.known(tables.keys_of(cur, tree))
        found = tables.signed(cur)
        if found:
            self._refuse_fork(cur, tree, *found, where="the database")
        if self._file is not None and self._file.exists():
            try:
                note, checkpoint = read_checkpoint(self._file.read_bytes())
            except OSError as error:
                raise FileUnavailable(f"{self._file} can't be read: {error.strerror}") from error
            except BadCheckpoint as error:
                raise Forked(f"{self._file} should hold the newest checkpoint: {error}") from None
            if checkpoint.origin == tree.origin:  # else it is of the log before this one
                self._refuse_fork(cur, tree, note, checkpoint, where=str(self._file))

    def publish(self, conn: connection) -> bool:
        """Sign and publish a checkpoint of the tree as it is, if it has grown; whether it is published now. Raises
        Forked and FileUnavailable."""
        with transaction(conn) as cur:
            note, checkpoint, is_published = self._sign(cur)
        if is_published:
            return True
        self._keep(note)
        cosigned = note
        if self._witnesses is not None:
            with transaction(conn) as cur:
                cosigned = self._witnesses.cosign(note, checkpoint, tables.hashes_of(cur))
        if not self._policy.is_met(self._policy.cosigned(cosigned)):
            return False
        self._keep(cosigned)
        with transaction(conn) as cur:
            cur.execute(
                "UPDATE tlog.checkpoint SET note = %s, is_published = true WHERE size = %s",
                (str(cosigned), checkpoint.size),
            )
        return True

    def close(self) -> None:
        """Release the connections to witnesses."""
        if self._witnesses is not None:
            self._witnesses.close()

    def _sign(self, cur: cursor) -> tuple[SignedNote, Checkpoint, bool]:
        """The checkpoint of the tree, signed now or before, and whether it was published."""
        tree = tables.tree_of(cur, lock=True)
        if tree is None:
            raise Forked("the transparency log was begun anew meanwhile")
        last = tables.signed(cur)
        if last:
            self._refuse_fork(cur, tree, *last, where="the database")
            if last[1].size == tree.size:
                return *last, tables.published_size(cur) == tree.size and tables.published(cur, tree.size) is not None
        checkpoint = Checkpoint(tree.origin, tree.size, root_of(tables.hashes_of(cur), tree.size))
        note = self._signers.sign(checkpoint, tables.keys_of(cur, tree))
        cur.execute("INSERT INTO tlog.checkpoint (size, note) VALUES (%s, %s)", (checkpoint.size, str(note)))
        return note, checkpoint, False

    def _refuse_fork(self, cur: cursor, tree: Tree, note: SignedNote, checkpoint: Checkpoint, *, where: str) -> None:
        try:
            verified(note, self._signers.known(tables.keys_of(cur, tree)))
        except NotSigned as error:
            raise Forked(f"the newest checkpoint in {where} isn't ours: {error}. {BEGIN}") from None
        if checkpoint.size > tree.size:
            raise Forked(
                f"the transparency log has {tree.size} leaves, but {where} has a checkpoint of {checkpoint.size}: an"
                f" older backup was restored. Restore the newest, or start anew: {BEGIN}"
            )
        try:
            root = root_of(tables.hashes_of(cur), checkpoint.size)
        except NoSuchTile as error:
            raise Forked(f"the transparency log is damaged: {error}. Restore a backup") from None
        if root != checkpoint.root:
            raise Forked(
                f"the first {checkpoint.size} leaves of the transparency log are others than those of the checkpoint in"
                f" {where}. Restore the newest backup, or start anew: {BEGIN}"
            )

    def _keep(self, note: SignedNote) -> None:
        """In the file, which appears whole or not at all, and is on the disk when this returns."""
        if self._file is None:
            return
        unfinished = self._file.with_name(f".{self._file.name}.new")
        try:
            with unfinished.open("w") as written:
                written.write(str(note))
                written.flush()
                os.fsync(written.fileno())
            unfinished.replace(self._file)
        except OSError as error:
            raise FileUnavailable(f"{self._file} can't be written: {error.strerror}") from error
