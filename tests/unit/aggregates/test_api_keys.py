"""A merchant's API keys: several at a time, and never none by its own doing."""

import msgspec
import pytest

from buystream.aggregates import rules
from buystream.aggregates.rules import NEWEST_RULES, RULES
from buystream.api_keys import FIRST_KEY_ID
from buystream.vocabulary import actors, commands, events
from tests.support.examples import API_KEY_HASH, MERCHANT, example
from tests.support.scenario import expect, given

REGISTER, ADD, REVOKE = (
    example(kind) for kind in (commands.RegisterMerchant, commands.AddApiKey, commands.RevokeApiKey)
)
SCANNER = actors.merchant_key(MERCHANT, "scanner")


def test_a_merchant_has_a_first_key_and_others_beside_it() -> None:
    shop = given(REGISTER).when(ADD).then(expect(events.ApiKeyAdded, key_id="scanner", name="Scanner"))
    shop.when(ADD).then(events.CommandRepeated)
    assert shop.partition.state.merchants[MERCHANT].api_keys == {FIRST_KEY_ID: API_KEY_HASH, "scanner": "b8" * 32}


def test_a_revoked_key_stays_revoked_and_its_id_is_spent() -> None:
    shop = given(REGISTER, ADD).when(REVOKE).then(expect(events.ApiKeyRevoked, api_key_hash=API_KEY_HASH))
    shop.when(REVOKE).then(events.CommandRepeated)
    spent_id = example(commands.AddApiKey, key_id=FIRST_KEY_ID, api_key_hash="c9" * 32)
    shop.when(spent_id).then(expect(events.CommandRefused, reason="key_id_conflict"))


def test_the_last_key_cant_revoke_itself_but_the_operator_can() -> None:
    shop = given(REGISTER)
    shop.when(REVOKE).then(expect(events.CommandRefused, reason="last_key"))
    shop.when(REVOKE, actor=actors.OPERATOR).then(events.ApiKeyRevoked)


def test_two_keys_that_revoke_each_other_leave_one() -> None:
    shop = given(REGISTER, ADD)
    shop.when(REVOKE, actor=SCANNER).then(events.ApiKeyRevoked)
    back = example(commands.RevokeApiKey, key_id="scanner")
    shop.when(back).then(expect(events.CommandRefused, reason="key_revoked"))


@pytest.mark.parametrize(
    ("command", "actor", "reason"),
    [
        (example(commands.RevokeApiKey, key_id="nobody"), actors.OPERATOR, "unknown_key"),
        (example(commands.AddApiKey), actors.merchant_key(MERCHANT, "nobody"), "key_revoked"),
        (example(commands.AddApiKey, key_id="first~1"), "", "key_id_conflict"),
    ],
)
def test_a_key_that_cannot_be_is_refused(command: commands.Command, actor: str, reason: str) -> None:
    given(REGISTER).when(command, actor=actor).then(expect(events.CommandRefused, reason=reason))


def test_a_merchant_has_only_so_many_keys_at_a_time() -> None:
    most = RULES[NEWEST_RULES].api_keys_max
    many = [example(commands.AddApiKey, key_id=f"k{n}", api_key_hash=f"{n:064x}") for n in range(most - 1)]
    shop = given(REGISTER, *many)
    shop.when(ADD).then(expect(events.CommandRefused, reason="too_many_keys"))
    shop.when(example(commands.RevokeApiKey, key_id="k0")).then(events.ApiKeyRevoked)
    shop.when(ADD).then(events.ApiKeyAdded)


def test_a_merchant_has_only_so_many_keys_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Revoked keys are remembered: making and revoking them again and again fills nobody's memory."""
    monkeypatch.setitem(rules.RULES, 1, msgspec.structs.replace(RULES[1], api_keys_ever_max=3))
    shop = given(REGISTER)
    for number in range(2):
        shop.given(example(commands.AddApiKey, key_id=f"k{number}", api_key_hash=f"{number:064x}"))
        shop.given(example(commands.RevokeApiKey, key_id=f"k{number}"))
    shop.when(ADD).then(expect(events.CommandRefused, reason="too_many_keys"))
