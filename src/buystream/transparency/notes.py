"""Signed notes (https://c2sp.org/signed-note): a text, and below it signatures by keys that have names."""

import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from buystream.errors import BuystreamError
from buystream.transparency import base64
from buystream.transparency.signature_types import ED25519, is_signed

SIGNATURES_MAX: Final = 100
NOTE_BYTES_MAX: Final = 1_000_000

_DASH: Final = "— "
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")
_KEY_ID_BYTES: Final = 4


class BadNote(BuystreamError):
    """It isn't a signed note."""


class BadKey(BuystreamError):
    """It isn't a verifier key."""


class NotSigned(BuystreamError):
    """No known key has signed the note, or a known key's signature is wrong."""


class VerifierKey(msgspec.Struct, frozen=True):
    """The public half of a key that signs notes: what is called a vkey. `kind` is the signature type."""

    name: str
    kind: int
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The first four bytes of a hash of all that: an identifier, no proof."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:_KEY_ID_BYTES]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64.encode(bytes([self.kind]) + self.public)}"


class Signature(msgspec.Struct, frozen=True):
    """A line below a note."""

    name: str
    key_id: bytes
    signature: bytes

    @property
    def line(self) -> str:
        """As it stands there."""
        return f"{_DASH}{self.name} {base64.encode(self.key_id + self.signature)}\n"

    def is_by(self, key: VerifierKey) -> bool:
        """Whether it says so. Whether it is true: `verified`."""
        return self.name == key.name and self.key_id == key.key_id


class SignedNote(msgspec.Struct, frozen=True):
    """A text, which ends with a newline, and its signatures."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return self.text + "\n" + "".join(signature.line for signature in self.signatures)

    def with_signatures(self, more: Iterable[Signature]) -> "SignedNote":
        """The same note with these below its own, each once."""
        return SignedNote(self.text, tuple(dict.fromkeys((*self.signatures, *more))))


class Signer:
    """A key that signs notes with Ed25519."""

    def __init__(self, name: str, secret: bytes) -> None:
        """`secret` are 32 bytes. Raises BadKey for a name that no key may have."""
        _refuse_bad_name(name)
        self._private = Ed25519PrivateKey.from_private_bytes(secret)
        self.key = VerifierKey(name, ED25519, self._private.public_key().public_bytes_raw())

    def sign(self, text: str) -> SignedNote:
        """The text with our signature."""
        signature = Signature(self.key.name, self.key.key_id, self._private.sign(text.encode()))
        return SignedNote(text, (signature,))


def read_key(text: str) -> VerifierKey:
    """The key of `name+hash+base64`; raises BadKey."""
    parts = text.strip().split("+", 2)
    try:
        name, key_id, encoded = parts
        kind, *public = base64.decode(encoded)
    except ValueError:
        raise BadKey(f"{text[:60]!r} is no verifier key: it has the form name+hash+base64") from None
    key = VerifierKey(name, kind, bytes(public))
    _refuse_bad_name(name)
    if key.key_id.hex() != key_id:
        raise BadKey(f"the verifier key of {name} is damaged: its hash isn't {key_id}")
    return key


def read_note(written: str | bytes) -> SignedNote:
    """The note; raises BadNote. Nothing is verified yet."""
    if len(written) > NOTE_BYTES_MAX:
        raise BadNote("the note is too long")
    try:
        text = written.decode() if isinstance(written, bytes) else written
    except UnicodeDecodeError:
        raise BadNote("the note isn't UTF-8") from None
    if _CONTROL.search(text):
        raise BadNote("the note holds control characters")
    body, blank, below = text.rpartition("\n\n")
    if not blank or not below.endswith("\n"):
        raise BadNote("no signatures stand below the note")
    return SignedNote(body + "\n", tuple(read_signatures(below)))


def read_signatures(lines: str) -> list[Signature]:
    """Signature lines, each ending with a newline; raises BadNote."""
    if not lines.endswith("\n") or lines.count("\n") > SIGNATURES_MAX:
        raise BadNote("there is no signature, or there are too many")
    return [_read_signature(line) for line in lines[:-1].split("\n")]


def verified(note: SignedNote, keys: Sequence[VerifierKey]) -> list[VerifierKey]:
    """The known keys that have signed it; signatures of unknown ones are ignored. Raises NotSigned if there is none, or
    if one of a known key is wrong."""
    signers: list[VerifierKey] = []
    for signature in note.signatures:
        for key in keys:
            if not signature.is_by(key) or key in signers:
                continue
            if not is_signed(note.text, signature.signature, name=key.name, kind=key.kind, public=key.public):
                raise NotSigned(f"the signature of {key.name} is wrong")
            signers.append(key)
    if not signers:
        raise NotSigned("no known key has signed this")
    return signers


def _read_signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    try:
        decoded = base64.decode(encoded)
    except ValueError:
        decoded = b""
    if not line.startswith(_DASH) or not _is_name(name) or len(decoded) <= _KEY_ID_BYTES:
        raise BadNote(f"{line[:60]!r} is no signature")
    return Signature(name, decoded[:_KEY_ID_BYTES], decoded[_KEY_ID_BYTES:])


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(char.isspace() for char in name)


def _refuse_bad_name(name: str) -> None:
    if not _is_name(name) or _CONTROL.search(name):
        raise BadKey(f"{name[:60]!r} is no key's name: spaces and + are not allowed")
