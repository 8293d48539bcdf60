"""Asking witnesses to cosign a checkpoint (https://c2sp.org/tlog-witness, `add-checkpoint`). A witness cosigns only
what is consistent with what it cosigned before, so it sees at once if the shop shows it another history."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import httpx

from buystream.metrics import WITNESSES_FAILED
from buystream.transparency import base64
from buystream.transparency.checkpoints import Checkpoint
from buystream.transparency.merkle import Hashes, consistency_proof
from buystream.transparency.notes import BadNote, NotSigned, Signature, SignedNote, read_signatures, verified
from buystream.transparency.policies import Policy, Witness

ANSWER_SECONDS: Final = 2.0
ANSWER_BYTES_MAX: Final = 100_000
SIZE_TYPE: Final = "text/x.tlog.size"
AT_ONCE: Final = 8

logger = logging.getLogger(__name__)


class Witnesses:
    """Those of a policy that have a URL. Remembers how far each of them has followed the log; what it doesn't know, the
    witness says. Used by one thread."""

    def __init__(self, policy: Policy) -> None:
        self._asked = [witness for witness in policy.witnesses if witness.url]
        self._sizes: dict[str, int] = {}
        self._client = httpx.Client(timeout=ANSWER_SECONDS, trust_env=False)
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="witnesses") if self._asked else None
        self._failing: set[str] = set()
        for witness in self._asked:
            WITNESSES_FAILED.labels(witness.name)  # a counter that is born at 1 has not grown, for Prometheus

    def cosign(self, note: SignedNote, checkpoint: Checkpoint, hashes: Hashes) -> SignedNote:
        """The checkpoint with the cosignatures that could be had. `hashes` are those of its tree."""
        if self._pool is None:
            return note
        signatures: list[Signature] = []
        waiting = self._asked
        for _ in range(2):  # again with the size that the witness says it has
            proofs = {size: consistency_proof(hashes, size, checkpoint.size) for size in map(self._size_of, waiting)}
            proved = [(witness, self._size_of(witness), proofs[self._size_of(witness)]) for witness in waiting]
            answers = self._pool.map(lambda one: self._ask(note, checkpoint, *one), proved)
            behind = []
            for witness, answer in zip(waiting, answers, strict=True):
                if answer is None:
                    behind.append(witness)
                else:
                    signatures += answer
            waiting = behind
        return note.with_signatures(signatures)

    def close(self) -> None:
        """Release the connections."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        self._client.close()

    def _size_of(self, witness: Witness) -> int:
        return self._sizes.get(witness.name, 0)

    def _ask(
        self, note: SignedNote, checkpoint: Checkpoint, witness: Witness, old_size: int, proof: Sequence[bytes]
    ) -> list[Signature] | None:
        """Its cosignatures, none if it doesn't cosign; None when it has another size, which is remembered."""
        lines = [f"old {old_size}", *map(base64.encode, proof), "", str(note)]
        try:
            answer = self._client.post(f"{witness.url.rstrip('/')}/add-checkpoint", content="\n".join(lines).encode())
        except httpx.HTTPError as error:
            return self._failed(witness, f"it can't be reached: {error}")
        if answer.status_code == 409 and answer.headers.get("content-type", "").partition(";")[0] == SIZE_TYPE:
            return self._note_size(witness, answer.text, old_size, checkpoint)
        if answer.status_code != 200 or len(answer.content) > ANSWER_BYTES_MAX:
            return self._failed(witness, f"it answers {answer.status_code}: {answer.text[:200]}")
        try:
            cosignatures = [one for one in read_signatures(answer.text) if one.is_by(witness.key)]
            verified(SignedNote(note.text, tuple(cosignatures)), [witness.key])
        except (BadNote, NotSigned) as error:
            return self._failed(witness, f"its answer is no cosignature: {error}")
        self._sizes[witness.name] = checkpoint.size
        if witness.name in self._failing:
            self._failing.remove(witness.name)
            logger.warning("witness %s: cosigns again", witness.name)
        return cosignatures

    def _note_size(self, witness: Witness, text: str, old_size: int, checkpoint: Checkpoint) -> list[Signature] | None:
        try:
            size = int(text.removesuffix("\n"))
        except ValueError:
            size = -1
        if size > checkpoint.size:
            return self._failed(witness, f"it has cosigned {size} leaves of this log, of which there are fewer here")
        if size < 0 or size == old_size:
            return self._failed(witness, "it contradicts itself about the size that it has cosigned")
        self._sizes[witness.name] = size
        return None

    def _failed(self, witness: Witness, why: str) -> list[Signature]:
        WITNESSES_FAILED.labels(witness.name).inc()
        if witness.name not in self._failing:
            self._failing.add(witness.name)
            logger.warning("witness %s doesn't cosign: %s", witness.name, why)
        return []
