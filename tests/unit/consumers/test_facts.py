"""Provider's facts on their way to the log: how a buyer recognises a card is never on it in clear."""

from collections.abc import Mapping

import pytest

from buystream.consumers.payments import append_fact, id_of_fact
from buystream.log import COMMANDS, Record
from buystream.providers.stripe_facts import intent_facts, setup_facts
from buystream.vocabulary import codec, commands
from buystream.vocabulary.codec import answer_to
from tests.support.examples import ANNA, PAYMENT, T0
from tests.support.memory_log import MemoryLog

LABEL = "Visa •••• 4242"
SAVED = {"payment_id": PAYMENT, "reference": "pi_1", "reusable_method": "cus_1/pm_1", "card_label": LABEL}
FACTS = [
    commands.RecordAuthorisation(**SAVED, buyer_id=ANNA),
    commands.RecordMethodSaved(**SAVED, buyer_id=ANNA),
]


def sealed(buyer_id: str, plain: Mapping[str, str]) -> str:
    """As the vault does, for the test to see."""
    assert plain == {"card_label": LABEL}
    return f"sealed for {buyer_id}"


def recorded(log: MemoryLog) -> tuple[Record, commands.Command]:
    (record,) = log.read(COMMANDS, 0, 0)
    return record, codec.read_command(record.value).data


@pytest.mark.parametrize("fact", FACTS, ids=codec.name_of)
def test_a_cards_label_is_encrypted_for_its_buyer_before_it_reaches_the_log(fact: commands.Command) -> None:
    append_fact(log := MemoryLog(stamp=lambda: T0), fact, sealed)
    record, command = recorded(log)
    assert command.card_label == f"sealed for {ANNA}"  # type: ignore[attr-defined]
    assert b"4242" not in record.value


@pytest.mark.parametrize("fact", FACTS, ids=codec.name_of)
def test_a_label_that_nothing_can_encrypt_is_left_out(fact: commands.Command) -> None:
    for seal in (None, lambda buyer_id, plain: ""):
        append_fact(log := MemoryLog(stamp=lambda: T0), fact, seal)
        assert recorded(log)[1].card_label == ""  # type: ignore[attr-defined]


def test_a_label_of_nobody_is_left_out() -> None:
    append_fact(log := MemoryLog(stamp=lambda: T0), commands.RecordAuthorisation(**SAVED), sealed)
    assert recorded(log)[1].card_label == ""  # type: ignore[attr-defined]


@pytest.mark.parametrize("fact", FACTS, ids=codec.name_of)
def test_a_fact_has_one_name_however_its_label_is_encrypted(fact: commands.Command) -> None:
    ciphers = iter("ab")
    logs = [MemoryLog(stamp=lambda: T0) for _ in range(2)]
    for log in logs:
        append_fact(log, fact, lambda buyer_id, plain: next(ciphers))
    first, second = (recorded(log)[0] for log in logs)
    assert answer_to(first.value)[0] == answer_to(second.value)[0] == id_of_fact(fact)
    assert first.value != second.value


def stripe_object(**fields: object) -> dict[str, object]:
    method = {"id": "pm_1", "type": "card", "card": {"brand": "visa", "last4": "4242"}}
    return {
        "id": "pi_1",
        "customer": "cus_1",
        "payment_method": method,
        "metadata": {"payment_id": PAYMENT, "buyer_id": ANNA},
        **fields,
    }


def test_stripes_facts_say_whose_card_it_is_and_its_label_only_when_it_is_kept() -> None:
    [kept] = intent_facts(PAYMENT, stripe_object(status="requires_capture", setup_future_usage="off_session"))
    [used] = intent_facts(PAYMENT, stripe_object(status="requires_capture"))
    [saved] = setup_facts(PAYMENT, stripe_object(status="succeeded"))
    labels = [(fact.buyer_id, fact.card_label) for fact in (kept, used, saved)]  # type: ignore[attr-defined]
    assert labels == [(ANNA, LABEL), (ANNA, ""), (ANNA, LABEL)]
