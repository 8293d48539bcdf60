"""Three programs check a receipt: `buystream verify`, the one Python file and the one page. They agree on what is right
and on what was tampered with; the page's code runs in Node.js here."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from buystream.errors import BuystreamError
from buystream.transparency import base64
from buystream.transparency.checkpoints import Checkpoint, read_checkpoint
from buystream.transparency.leaves import commitment, entry_of, title_of
from buystream.transparency.merkle import inclusion_proof, leaf_hash, root_of
from buystream.transparency.notes import Signer, read_key
from buystream.transparency.proofs import Proof, read_proof
from buystream.transparency.tiles import RightEdge, TileHashes
from buystream.transparency.verifying import verify
from tests.support.javascript import evaluated

VERIFIER = Path(__file__).parents[3] / "clients" / "verifier"
SIGNER = Signer("shop.example/tlog", bytes(range(32)))
OTHER = Signer("shop.example/tlog", bytes(range(1, 33)))
SALT = bytes(range(16))
RECORD = (
    '{"id":"2-41","type":"buystream.OrderRefused.v1","subject":"ed2-x-1","data":{"reason":"sold_out — ✗"}}'.encode()
)


def receipt(size: int, index: int, *, signer: Signer = SIGNER) -> str:
    """A receipt of a tree of that size."""
    entry = entry_of(title_of(2, 41, "buystream.OrderRefused.v1"), commitment(SALT, RECORD))
    leaves = [leaf_hash(b"%d" % number) for number in range(size)]
    leaves[index] = leaf_hash(entry)
    edge = RightEdge()
    tiles = {(tile.level, tile.number): tile.hashes for tile in [*edge.append(leaves), *edge.partial()]}
    hashes = TileHashes(lambda level, number: tiles[level, number])
    note = signer.sign(Checkpoint(signer.key.name, size, root_of(hashes, size)).text)
    return str(Proof(index, tuple(inclusion_proof(hashes, index, size)), note, SALT + RECORD))


GOOD = receipt(300, 41)
KEY = str(SIGNER.key)
SEEN = GOOD.partition("\n\n")[2]
EXTRA = base64.encode(SALT + RECORD)

BOTH = GOOD + receipt(300, 41, signer=OTHER).rpartition("\n\n")[2]
"""During a change of keys."""

RIGHT = {
    "by the old key of two": (BOTH, KEY, ""),
    "by the new key of two": (BOTH, str(OTHER.key), ""),
    "by the new key of two, and published under the old one": (BOTH, str(OTHER.key), BOTH.partition("\n\n")[2]),
    "by its key": (GOOD, KEY, ""),
    "by a published checkpoint": (GOOD, "", SEEN),
    "by both": (GOOD, KEY, SEEN),
    **{
        f"leaf {index} of {size}": (receipt(size, index), KEY, "")
        for size, index in ((1, 0), (2, 1), (7, 6), (257, 256))
    },
    "with an unknown signature below": (GOOD + "— other.example AAAAAAECAwQ=\n", KEY, ""),
}
WRONG = {
    "a third key of the log": (BOTH, str(Signer("shop.example/tlog", bytes(32)).key), ""),
    "one of two signatures is of something else": (
        GOOD + receipt(301, 41, signer=OTHER).rpartition("\n\n")[2],
        str(OTHER.key),
        "",
    ),
    "nothing vouches for it": (GOOD, "", ""),
    "another event": (GOOD.replace(EXTRA, base64.encode(SALT + RECORD.replace(b"sold_out", b"too_fast"))), KEY, ""),
    "another salt": (GOOD.replace(EXTRA, base64.encode(bytes(16) + RECORD)), KEY, ""),
    "another place in the log": (GOOD.replace(EXTRA, base64.encode(SALT + RECORD.replace(b"2-41", b"2-42"))), KEY, ""),
    "no event": (GOOD.replace(f"extra {EXTRA}\n", ""), KEY, ""),
    "another index": (GOOD.replace("index 41", "index 40"), KEY, ""),
    "an index beyond the tree": (GOOD.replace("index 41", "index 300"), KEY, ""),
    "another size": (GOOD.replace("\n300\n", "\n301\n"), KEY, ""),
    "one hash more": (GOOD.replace("index 41\n", f"index 41\n{base64.encode(bytes(32))}\n"), KEY, ""),
    "one hash less": (re.sub(r"(index 41\n)[^\n]+\n", r"\1", GOOD), KEY, ""),
    "signed by another": (receipt(300, 41, signer=OTHER), KEY, ""),
    "under another's key id": (
        receipt(300, 41, signer=OTHER).replace(
            base64.encode(OTHER.key.key_id)[:5], base64.encode(SIGNER.key.key_id)[:5]
        ),
        KEY,
        "",
    ),
    "another log's key": (GOOD, str(Signer("other.example", bytes(32)).key), ""),
    "a damaged key": (GOOD, KEY.replace("+", "+0", 1), ""),
    "others saw another tree": (GOOD, "", receipt(300, 40).partition("\n\n")[2]),
    "others saw a larger tree": (GOOD, KEY, receipt(301, 41).partition("\n\n")[2]),
    "the published one isn't signed": (GOOD, KEY, receipt(300, 41, signer=OTHER).partition("\n\n")[2]),
    "no receipt": ("hello\n", KEY, ""),
    "nothing at all": ("", KEY, ""),
    "another version": (GOOD.replace("@v1", "@v2"), KEY, ""),
}
CASES = RIGHT | WRONG


def loaded() -> ModuleType:
    """The one Python file."""
    spec = importlib.util.spec_from_file_location("verify_receipt", VERIFIER / "verify_receipt.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ALONE = loaded()


@pytest.mark.parametrize("case", CASES)
def test_our_own_command_knows_right_from_wrong(case: str) -> None:
    written, key, seen = CASES[case]
    try:
        found = verify(
            read_proof(written.encode()),
            keys=[read_key(key)] if key else [],
            published=read_checkpoint(seen)[0] if seen else None,
        )
    except BuystreamError:
        assert case in WRONG
    else:
        assert case in RIGHT
        assert found.event["id"] == "2-41"


@pytest.mark.parametrize("case", CASES)
def test_the_python_file_agrees(case: str) -> None:
    written, key, seen = CASES[case]
    try:
        found = ALONE.verify(written, key, seen or None)
    except ALONE.NotVerified:
        assert case in WRONG
    else:
        assert case in RIGHT
        assert found["event"]["id"] == "2-41"


def test_the_page_agrees() -> None:
    page = (VERIFIER / "verify.html").read_text()
    (script,) = re.findall(r"<script>\n(.*)</script>", page, re.S)
    told = evaluated(
        script
        + """
        const outcomes = [];
        for (const [receipt, key, seen] of cases) {
          try {
            outcomes.push((await verify(receipt, key, seen)).event.id);
          } catch (error) {
            outcomes.push(error instanceof NotVerified ? false : String(error));
          }
        }
        tell(outcomes);""",
        cases=list(CASES.values()),
    )
    assert dict(zip(CASES, told, strict=True)) == {case: "2-41" if case in RIGHT else False for case in CASES}


def test_the_page_sends_nothing_anywhere() -> None:
    page = (VERIFIER / "verify.html").read_text()
    assert "content=\"default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'\"" in page
    assert re.findall(r"\b(fetch|XMLHttpRequest|WebSocket|src=|href=|import)\b", page) == []


RFC_8032 = [
    ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
    ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
    ("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
]  # fmt: skip
"""Key, message and signature of section 7.1, tests 1 to 3."""


@pytest.mark.parametrize(("key", "message", "signature"), RFC_8032)
def test_the_python_files_ed25519_is_that_of_rfc_8032(key: str, message: str, signature: str) -> None:
    public, said, signed = map(bytes.fromhex, (key, message, signature))
    assert ALONE.is_signed(public, said, signed)
    assert not ALONE.is_signed(public, said + b"-", signed)
    assert not ALONE.is_signed(public, said, signed[:32] + bytes(32))


def test_the_python_files_ed25519_agrees_with_another_library() -> None:
    for number in range(8):
        private = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
        public, signed = private.public_key().public_bytes_raw(), private.sign(b"%d" % number)
        assert ALONE.is_signed(public, b"%d" % number, signed)
        at = number * 7
        changed = signed[:at] + bytes([signed[at] ^ 1]) + signed[at + 1 :]
        assert not ALONE.is_signed(public, b"%d" % number, changed)


def test_the_python_file_needs_nothing_but_python(tmp_path: Path) -> None:
    (tmp_path / "order.tlog-proof").write_bytes(GOOD.encode())
    (tmp_path / "checkpoint").write_bytes(SEEN.encode())
    command = [sys.executable, "-I", "-S", str(VERIFIER / "verify_receipt.py"), str(tmp_path / "order.tlog-proof")]
    done = subprocess.run(
        [*command, "--key", KEY, "--checkpoint", str(tmp_path / "checkpoint"), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["is_published"] is True
    (tmp_path / "order.tlog-proof").write_bytes(GOOD.replace("index 41", "index 40").encode())
    failed = subprocess.run([*command, "--key", KEY], capture_output=True, text=True, check=False)
    assert (failed.returncode, failed.stderr[:13]) == (1, "NOT verified:")
