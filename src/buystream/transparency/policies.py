"""Policies (https://c2sp.org/tlog-policy): which logs and witnesses are known, and which witnesses must have cosigned a
checkpoint before it counts."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec

from buystream.errors import BuystreamError
from buystream.transparency.notes import BadKey, NotSigned, SignedNote, VerifierKey, read_key, verified
from buystream.transparency.signature_types import COSIGNATURES, ED25519

NONE: Final = "none"
NAMES_MAX: Final = 1_000


class BadPolicy(BuystreamError):
    """The text is no policy; the message names the line."""


class Witness(msgspec.Struct, frozen=True):
    """Someone who cosigns checkpoints, if they are consistent with those before. `url` is where to submit them."""

    name: str
    key: VerifierKey
    url: str = ""


class Group(msgspec.Struct, frozen=True):
    """At least `least` of these witnesses and groups."""

    least: int
    members: tuple[str, ...]


class Policy(msgspec.Struct, frozen=True):
    """`quorum` names a witness or a group; or none is needed."""

    logs: tuple[VerifierKey, ...] = ()
    witnesses: tuple[Witness, ...] = ()
    groups: Mapping[str, Group] = {}
    quorum: str = NONE

    def is_met(self, cosigned: Collection[VerifierKey]) -> bool:
        """Whether these keys are enough."""
        keys = {witness.name: witness.key for witness in self.witnesses}

        def has(name: str) -> bool:
            if name in keys:
                return keys[name] in cosigned
            group = self.groups[name]
            return sum(map(has, group.members)) >= group.least

        return self.quorum == NONE or has(self.quorum)

    def check(self, checkpoint: SignedNote) -> list[VerifierKey]:
        """Who signed: a log and enough witnesses; raises NotSigned. Logs must have been defined."""
        log = verified(checkpoint, self.logs)
        cosigned = self.cosigned(checkpoint)
        if not self.is_met(cosigned):
            raise NotSigned(f"too few witnesses have cosigned it for the quorum {self.quorum}")
        return [*log, *cosigned]

    def cosigned(self, checkpoint: SignedNote) -> list[VerifierKey]:
        """The known witnesses that cosigned it; raises NotSigned for a cosignature that is wrong."""
        known = [witness.key for witness in self.witnesses]
        if not any(signature.is_by(key) for signature in checkpoint.signatures for key in known):
            return []
        return verified(checkpoint, known)


def read_policy(text: str) -> Policy:
    """Raises BadPolicy."""
    reading = _Reading()
    for number, line in enumerate(text.split("\n"), 1):
        words = line.replace("\t", " ").split(" ")
        words = [word for word in words if word]
        if words and not words[0].startswith("#"):
            try:
                reading.take(words)
            except (BadPolicy, BadKey) as error:
                raise BadPolicy(f"line {number} of the policy: {error}") from None
    if reading.quorum is None:
        raise BadPolicy("the policy has no line `quorum`; `quorum none` asks for no witness")
    return Policy(tuple(reading.logs), tuple(reading.witnesses), reading.groups, reading.quorum)


class _Reading:
    """What was read so far."""

    def __init__(self) -> None:
        self.logs: list[VerifierKey] = []
        self.witnesses: list[Witness] = []
        self.groups: dict[str, Group] = {}
        self.quorum: str | None = None
        self._grouped: set[str] = set()

    def take(self, words: Sequence[str]) -> None:
        match words:
            case ["log", key] | ["log", key, _]:
                self.logs.append(self._new_key(key, {ED25519}, self.logs))
            case ["witness", name, key, *url] if len(url) <= 1:
                known = [witness.key for witness in self.witnesses]
                cosigner = self._new_key(key, COSIGNATURES, known)
                self.witnesses.append(Witness(self._new_name(name), cosigner, *url))
            case ["group", name, least, *members] if members:
                for member in members:
                    self._group(member)
                self.groups[self._new_name(name)] = Group(_least(least, len(members)), tuple(members))
            case ["quorum", name] if self.quorum is None:
                if name != NONE and not self._is_defined(name):
                    raise BadPolicy(f"{name} is defined nowhere above")
                self.quorum = name
            case _:
                raise BadPolicy(f"{' '.join(words)[:60]!r} is no line of a policy, or stands there twice")

    def _new_key(self, text: str, kinds: Collection[int], known: Sequence[VerifierKey]) -> VerifierKey:
        key = read_key(text)
        if key.kind not in kinds:
            raise BadPolicy(f"the key of {key.name} is of another kind: {key.kind}")
        if any(key.public == other.public for other in known):
            raise BadPolicy(f"the key of {key.name} stands there twice")
        return key

    def _new_name(self, name: str) -> str:
        if name == NONE or self._is_defined(name) or len(self.witnesses) + len(self.groups) >= NAMES_MAX:
            raise BadPolicy(f"{name} is defined already, or there are too many names")
        return name

    def _group(self, member: str) -> None:
        if not self._is_defined(member) or member in self._grouped:
            raise BadPolicy(f"{member} is defined nowhere above, or is in a group already")
        self._grouped.add(member)

    def _is_defined(self, name: str) -> bool:
        return name in self.groups or any(witness.name == name for witness in self.witnesses)


def _least(word: str, members: int) -> int:
    least = {"any": 1, "all": members}.get(word) or (int(word) if word.isdecimal() and word.isascii() else 0)
    if not 1 <= least <= members:
        raise BadPolicy(f"{word} isn't a number between 1 and {members}, nor any, nor all")
    return least
