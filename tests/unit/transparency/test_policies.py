"""Policies, and the cosignatures that they ask for."""

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from buystream.transparency.checkpoints import Checkpoint
from buystream.transparency.merkle import EMPTY_ROOT
from buystream.transparency.notes import NotSigned, Signature, Signer, VerifierKey
from buystream.transparency.policies import BadPolicy, Policy, read_policy
from buystream.transparency.signature_types import ED25519_COSIGNATURE, MLDSA44_COSIGNATURE, mldsa44_message
from tests.support.cosigners import Cosigner

LOG = Signer("shop.example/tlog", bytes(range(32)))
X1, X2, X3, Y1 = (
    Cosigner(f"{name}.example", bytes([number]) * 32) for number, name in enumerate(("x1", "x2", "x3", "y1"))
)
NOTE = LOG.sign(Checkpoint("shop.example/tlog", 0, EMPTY_ROOT).text)

POLICY = f"""
# the specification's example, with one witness less
log {LOG.key} https://shop.example/tlog/

witness X1 {X1.key}
witness\tX2  {X2.key} https://x2.example/
  witness X3 {X3.key}
group X-witnesses 2 X1 X2 X3
witness Y1 {Y1.key}
group Y-witnesses any Y1
group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


def test_the_quorum_needs_enough_witnesses_of_each_group() -> None:
    policy = read_policy(POLICY)
    assert [witness.url for witness in policy.witnesses] == ["", "https://x2.example/", "", ""]
    enough = [X1.key, X3.key, Y1.key]
    assert policy.is_met(enough)
    assert not policy.is_met([X1.key, X2.key, X3.key])
    assert not policy.is_met([X1.key, Y1.key])
    cosigned = NOTE.with_signatures(cosigner.cosign(NOTE.text) for cosigner in (X1, X3, Y1))
    assert policy.check(cosigned) == [LOG.key, X1.key, X3.key, Y1.key]


def test_too_few_cosignatures_are_refused() -> None:
    policy = read_policy(POLICY)
    with pytest.raises(NotSigned, match="too few witnesses"):
        policy.check(NOTE.with_signatures([X1.cosign(NOTE.text), Y1.cosign(NOTE.text)]))


def test_a_witness_that_is_unknown_is_ignored() -> None:
    stranger = Cosigner("stranger.example", bytes(32))
    policy = Policy(logs=(LOG.key,))
    assert policy.check(NOTE.with_signatures([stranger.cosign(NOTE.text)])) == [LOG.key]


def test_a_wrong_cosignature_is_refused() -> None:
    policy = read_policy(POLICY)
    with pytest.raises(NotSigned, match=r"x1\.example is wrong"):
        policy.check(NOTE.with_signatures([X1.cosign(NOTE.text.replace("0", "1", 1))]))


def test_a_cosignature_without_a_time_is_wrong() -> None:
    with pytest.raises(NotSigned, match="is wrong"):
        read_policy(POLICY).check(NOTE.with_signatures([X1.cosign(NOTE.text, at_seconds=0)]))


def test_a_post_quantum_cosignature_counts_as_well() -> None:
    private = MLDSA44PrivateKey.generate()
    key = VerifierKey("pq.example", MLDSA44_COSIGNATURE, private.public_key().public_bytes_raw())
    timestamp = (1_700_000_000).to_bytes(8, "big")
    message = mldsa44_message(NOTE.text, timestamp + b"-", cosigner="pq.example")
    signature = Signature("pq.example", key.key_id, timestamp + private.sign(message))
    policy = read_policy(f"log {LOG.key}\nwitness W {key}\nquorum W")
    assert policy.check(NOTE.with_signatures([signature])) == [LOG.key, key]
    other = LOG.sign(Checkpoint("shop.example/tlog", 1, EMPTY_ROOT).text)
    with pytest.raises(NotSigned):
        policy.check(other.with_signatures([signature]))


def test_what_a_post_quantum_cosignature_signs_is_the_specifications_structure() -> None:
    message = mldsa44_message(NOTE.text, (5).to_bytes(8, "big") + b"-", cosigner="w")
    assert message == (
        b"subtree/v1\n\0" + b"\x01w" + (5).to_bytes(8, "big") + b"\x11shop.example/tlog" + bytes(16) + EMPTY_ROOT
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"log {LOG.key}",
        "quorum X",
        "quorum none\nquorum none",
        f"log {X1.key}\nquorum none",
        f"witness X {LOG.key}\nquorum X",
        f"log {LOG.key}\nlog {LOG.key}\nquorum none",
        f"witness X {X1.key}\nwitness X {X2.key}\nquorum X",
        f"witness X {X1.key}\nwitness Y {X1.key}\nquorum X",
        f"witness none {X1.key}\nquorum none",
        f"witness X {X1.key}\ngroup G 2 X\nquorum G",
        f"witness X {X1.key}\ngroup G 0 X\nquorum G",
        f"witness X {X1.key}\ngroup G any\nquorum G",
        f"witness X {X1.key}\ngroup G any X\ngroup H any X\nquorum G",
        f"group G any X\nwitness X {X1.key}\nquorum G",
        "witness X not-a-key\nquorum X",
        "and so on\nquorum none",
    ],
)
def test_what_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises(BadPolicy):
        read_policy(text)


def test_the_message_names_the_line() -> None:
    with pytest.raises(BadPolicy, match="line 2"):
        read_policy("quorum none\nnonsense")


def test_kinds_of_keys_are_apart() -> None:
    assert X1.key.kind == ED25519_COSIGNATURE
    assert X1.key.key_id != VerifierKey(X1.key.name, 1, X1.key.public).key_id
