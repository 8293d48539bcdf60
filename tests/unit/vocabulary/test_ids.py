"""Ids carry their partition, and nothing that isn't an id passes for one."""

import pytest

from buystream.vocabulary import ids
from buystream.vocabulary.ids import MalformedId
from tests.support.examples import ANNA, EDITION, MERCHANT, ORDER, PAYMENT


@pytest.mark.parametrize("partition", [0, 7, 42, 99_999])
def test_a_generated_id_carries_its_partition(partition: int) -> None:
    edition_id = ids.new_edition_id(partition)
    order_id = ids.new_order_id(edition_id)
    payment_id = ids.payment_id_of(order_id, 2)
    minted = [edition_id, ids.new_merchant_id(partition), order_id, payment_id]
    assert [ids.partition_of(one) for one in minted] == [partition] * 4
    assert ids.edition_of(order_id) == edition_id
    assert ids.order_of(payment_id) == order_id


@pytest.mark.parametrize("example", [EDITION, ORDER, PAYMENT, ANNA, MERCHANT])
def test_the_examples_are_well_formed(example: str) -> None:
    assert ids.partition_of(example) == 0


@pytest.mark.parametrize(
    "wrong",
    ["", "ed", "ed-0000000000", "ed0-", "ed00-0000000000", "ed0-000000000", "xx0-0000000000", "ed0-000000000o",
     "ED0-0000000000", " ed0-0000000000", "ed100000-0000000000", "ed-1-0000000000", "ed٣-0000000000"],
)  # fmt: skip
def test_what_is_no_id_has_no_partition(wrong: str) -> None:
    with pytest.raises(MalformedId):
        ids.partition_of(wrong)


@pytest.mark.parametrize(
    "wrong",
    [EDITION, f"{EDITION}-", f"{EDITION}-{'0' * 19}", f"{EDITION}-{'0' * 33}", f"{EDITION}-{'u' * 20}",
     f"{EDITION}-{'A' * 20}", f"{ORDER}\n", f"\n{ORDER}", PAYMENT, ANNA, f"{EDITION}-{'0' * 20}-{'0' * 20}"],
)  # fmt: skip
def test_what_is_no_order_id_has_no_edition(wrong: str) -> None:
    with pytest.raises(MalformedId):
        ids.edition_of(wrong)


@pytest.mark.parametrize("wrong", [ORDER, f"{ORDER}.", f"{ORDER}.x", f"{ORDER}.-1", ".1", f"{ORDER}..1", "1"])
def test_what_is_no_payment_id_has_no_order(wrong: str) -> None:
    with pytest.raises(MalformedId):
        ids.order_of(wrong)


def test_an_order_id_has_at_least_96_random_bits() -> None:
    assert ids.ORDER_RANDOM_CHARS * 5 >= 96
    assert len({ids.new_order_id(EDITION) for _ in range(1000)}) == 1000


def test_a_buyers_partition_is_one_of_those_there_are() -> None:
    assert {ids.partition_of(ids.new_buyer_id(3)) for _ in range(200)} == {0, 1, 2}


def test_a_hosts_user_is_the_same_buyer_at_every_visit_and_nobody_elses() -> None:
    def buyer(host: str, subject: str, secret: bytes = b"secret") -> str:
        return ids.hosted_buyer_id(host, subject, secret=secret, partitions=4)

    assert buyer("feed.example", "42") == buyer("feed.example", "42")
    others = {buyer("feed.example", "43"), buyer("other.example", "42"), buyer("feed.example", "42", b"another")}
    assert buyer("feed.example", "42") not in others
    assert len(others) == 3
    assert ids.partition_of(buyer("feed.example", "42")) < 4
