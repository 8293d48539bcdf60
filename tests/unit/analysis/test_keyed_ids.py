"""Keyed ids are HMAC-SHA256, and keep what says nothing about a person."""

import hmac

import pytest

from buystream.analysis.keyed_ids import REMEMBERED_MAX, KeyedIds
from tests.support.examples import ANNA, EDITION, MERCHANT, ORDER, PAYMENT

KEY = b"a key of the tests, of 32 bytes!"


def hex_of(text: str) -> str:
    return hmac.digest(KEY, text.encode(), "sha256").hex()[:32]


@pytest.mark.parametrize(
    ("method", "text", "keyed"),
    [
        ("buyer", ANNA, f"by~{hex_of(ANNA)}"),
        ("order", ORDER, f"{EDITION}~{hex_of(ORDER)}"),
        ("order", "Mr Smith-1", f"~{hex_of('Mr Smith-1')}"),
        ("payment", PAYMENT, f"{EDITION}~{hex_of(ORDER)}.1"),
        ("payment", "ed0-x.y", f"~{hex_of('ed0-x.y')}"),
        ("plain", "refund-1", f"~{hex_of('refund-1')}"),
        ("subject", EDITION, EDITION),
        ("subject", MERCHANT, MERCHANT),
        ("subject", "pt3", "pt3"),
        ("subject", ANNA, f"by~{hex_of(ANNA)}"),
        ("subject", ORDER, f"{EDITION}~{hex_of(ORDER)}"),
        ("subject", PAYMENT, f"{EDITION}~{hex_of(ORDER)}.1"),
        ("subject", "me@home.example", f"~{hex_of('me@home.example')}"),
        ("actor", f"buyer:{ANNA}", f"buyer:by~{hex_of(ANNA)}"),
        ("actor", f"app:tickets/buyer:{ANNA}", f"app:tickets/buyer:by~{hex_of(ANNA)}"),
        ("actor", f"merchant:{MERCHANT}/key:anna", f"merchant:{MERCHANT}/key:~{hex_of('anna')}"),
        ("actor", "system:flows", "system:flows"),
        ("actor", "Mr Smith", f"~{hex_of('Mr Smith')}"),
        ("role", f"buyer:{ANNA}", "buyer"),
        ("role", "Mr Smith", "unknown"),
    ],
)
def test_each_id_has_its_keyed_form(method: str, text: str, keyed: str) -> None:
    assert getattr(KeyedIds(KEY), method)[text] == keyed


def test_nothing_is_made_of_nothing() -> None:
    keys = KeyedIds(KEY)
    assert [keys.buyer[""], keys.order[""], keys.plain[""], keys.actor[""]] == [None] * 4


def test_memory_stays_flat() -> None:
    keys = KeyedIds(KEY)
    keys.plain.update({str(number): "" for number in range(REMEMBERED_MAX + 1)})
    assert keys.buyer[ANNA]
    keys.forget_when_full()
    assert (len(keys.plain), len(keys.buyer)) == (0, 1)
