#!/usr/bin/env python3
"""Checks a receipt of a buystream shop (FILE.tlog-proof) offline. One file, no dependencies, any Python from 3.9 on.

    python3 verify_receipt.py FILE.tlog-proof --key NAME+HASH+BASE64 [--checkpoint FILE] [--json]

It shows that the log whose key you name holds the event that the receipt carries, and with --checkpoint that this is
the log which others have seen. At least one of the two must be given, and must come from elsewhere than the receipt.
Exit status 0 means verified, 1 means that it isn't.

The formats: https://c2sp.org/tlog-proof, tlog-checkpoint and signed-note; the tree is RFC 6962's; signatures are
Ed25519, RFC 8032."""

import argparse
import base64
import hashlib
import json
import pathlib
import sys


class NotVerified(Exception):
    """The message says why."""


# The tree


def sha256(data):
    return hashlib.sha256(data).digest()


def root_above(leaf, index, size, proof):
    """The root that the proof leads to from the leaf's hash (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size:
        raise NotVerified(f"leaf {index} isn't in a tree of {size}")
    place, last, computed = index, size - 1, leaf
    for other in proof:
        if last == 0:
            raise NotVerified("the proof is too long")
        if place & 1 or place == last:
            computed = sha256(b"\x01" + other + computed)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            computed = sha256(b"\x01" + computed + other)
        place, last = place >> 1, last >> 1
    if last:
        raise NotVerified("the proof is too short")
    return computed


def entry_of(extra):
    """The event that the receipt carries, and the leaf that it and its salt open."""
    salt, record = extra[:16], extra[16:]
    try:
        event = json.loads(record.decode())
        partition, sequence = event["id"].split("-")
        title = f"{int(partition)} {int(sequence)} {event['type']}"
    except (ValueError, KeyError, TypeError, AttributeError):
        raise NotVerified("the receipt carries no event that would open its leaf") from None
    committed = base64.b64encode(sha256(salt + record)).decode()
    return event, f"buystream-leaf/v1 {title} {committed}\n".encode()


# Notes and their signatures


def decoded(text):
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError:
        raise NotVerified(f"{text[:40]!r} isn't base 64") from None


def number(text):
    if not (text.isascii() and text.isdigit()) or (len(text) > 1 and text[0] == "0") or len(text) > 19:
        raise NotVerified(f"{text[:40]!r} is no number")
    return int(text)


def read_checkpoint(text):
    """Its text, origin, size, root and signature lines."""
    body, blank, below = text.rpartition("\n\n")
    lines = body.split("\n")
    if not blank or len(lines) < 3 or not below.endswith("\n"):
        raise NotVerified("it holds no signed checkpoint")
    root = decoded(lines[2])
    if len(root) != 32:
        raise NotVerified("the checkpoint has no root")
    return {
        "text": body + "\n",
        "origin": lines[0],
        "size": number(lines[1]),
        "root": root,
        "signatures": below[:-1].split("\n"),
    }


def read_proof(text):
    """Its extra data, index, hashes and checkpoint."""
    head, blank, below = text.partition("\n\n")
    lines = head.split("\n")
    if not blank or lines.pop(0) != "c2sp.org/tlog-proof@v1":
        raise NotVerified("it is no tlog-proof")
    extra = decoded(lines.pop(0)[6:]) if lines and lines[0].startswith("extra ") else b""
    if not lines or not lines[0].startswith("index "):
        raise NotVerified("it names no index")
    index = number(lines.pop(0)[6:])
    hashes = [decoded(line) for line in lines]
    if len(hashes) > 63 or any(len(one) != 32 for one in hashes):
        raise NotVerified("its hashes aren't those of a tree")
    return extra, index, hashes, read_checkpoint(below)


def read_key(vkey):
    """Name, key id and public key."""
    parts = vkey.strip().split("+", 2)
    if len(parts) != 3:
        raise NotVerified("the key has the form name+hash+base64")
    name, key_id, encoded = parts
    key = decoded(encoded)
    if len(key) != 33 or key[0] != 1:
        raise NotVerified("the key isn't one of Ed25519")
    if sha256(name.encode() + b"\n" + key)[:4].hex() != key_id:
        raise NotVerified("the key is damaged")
    return name, bytes.fromhex(key_id), key[1:]


def check_signature(checkpoint, vkey):
    name, key_id, public = read_key(vkey)
    if checkpoint["origin"] != name:
        raise NotVerified(f"the receipt is of the log {checkpoint['origin']}, the key of {name}")
    for line in checkpoint["signatures"]:
        signer, _, encoded = line[2:].partition(" ")
        if line[:2] == "\u2014 " and signer == name:
            signature = decoded(encoded)
            if signature[:4] == key_id:
                if not is_signed(public, checkpoint["text"].encode(), signature[4:]):
                    raise NotVerified(f"the signature of {name} is wrong")
                return
    raise NotVerified(f"{name} hasn't signed it")


# Ed25519 (RFC 8032, section 6): verifying handles no secret, so it needn't take constant time

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


def added(one, other):
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c = 2 * one[3] * other[3] * D % P
    d = 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiplied(scalar, point):
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = added(result, point)
        point = added(point, point)
        scalar >>= 1
    return result


def is_same(one, other):
    return (one[0] * other[2] - other[0] * one[2]) % P == 0 and (one[1] * other[2] - other[1] * one[2]) % P == 0


def point_of(encoded):
    """None unless it is one, written in the one way."""
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - x2) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


BASE = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def is_signed(public, message, signature):
    if len(public) != 32 or len(signature) != 64:
        return False
    key, commitment = point_of(public), point_of(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or commitment is None or scalar >= L:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    return is_same(multiplied(scalar, BASE), added(commitment, multiplied(challenge, key)))


# All of it


def verify(receipt, vkey=None, published=None):
    """What was verified; raises NotVerified. All three are texts."""
    if not vkey and published is None:
        raise NotVerified("nothing vouches for the receipt: name a key or a published checkpoint")
    extra, index, hashes, checkpoint = read_proof(receipt)
    event, entry = entry_of(extra)
    if root_above(sha256(b"\x00" + entry), index, checkpoint["size"], hashes) != checkpoint["root"]:
        raise NotVerified("the log that the receipt names doesn't hold this event")
    if vkey:
        check_signature(checkpoint, vkey)
    if published is not None:
        seen = read_checkpoint(published)
        if vkey:
            check_signature(seen, vkey)
        if seen["origin"] != checkpoint["origin"]:
            raise NotVerified("the published checkpoint is of another log")
        if seen["size"] != checkpoint["size"]:
            raise NotVerified(
                f"the receipt is of a tree of {checkpoint['size']} leaves, the published checkpoint of one of"
                f" {seen['size']}: ask the shop for the receipt with ?size={seen['size']}"
            )
        if seen["root"] != checkpoint["root"]:
            raise NotVerified("the log was shown to others with another tree")
    return {
        "verified": True,
        "origin": checkpoint["origin"],
        "size": checkpoint["size"],
        "index": index,
        "event": event,
        "signed_by": [checkpoint["origin"]] if vkey else [],
        "is_published": published is not None,
    }


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("file")
    options.add_argument("--key", help="the log's verifier key: name+hash+base64")
    options.add_argument("--checkpoint", metavar="FILE", help="a published checkpoint")
    options.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = options.parse_args()
    try:
        receipt = pathlib.Path(chosen.file).read_bytes().decode()
        published = pathlib.Path(chosen.checkpoint).read_bytes().decode() if chosen.checkpoint else None
        found = verify(receipt, chosen.key, published)
    except (NotVerified, OSError, UnicodeDecodeError) as error:
        if chosen.json:
            print(json.dumps({"verified": False, "reason": str(error)}))
        print(f"NOT verified: {error}", file=sys.stderr)
        return 1
    if chosen.json:
        print(json.dumps(found))
    else:
        event = found["event"]
        print(f"verified: leaf {found['index']} of {found['origin']}, a log of {found['size']} leaves")
        print(f"{event['type']} {event['id']}, {event.get('time')}, about {event.get('subject')}")
        print(json.dumps(event.get("data"), indent=2, ensure_ascii=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
