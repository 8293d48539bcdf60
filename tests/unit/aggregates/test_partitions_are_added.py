"""Adding partitions changes nothing that exists: what was named by how many there were keeps its name."""

import pytest

from buystream.vocabulary import commands, events
from buystream.vocabulary.ids import hosted_buyer_id
from tests.support.examples import MERCHANT, example
from tests.support.scenario import Scenario, expect, given

REGISTER = example(commands.RegisterMerchant)


def name(edition_id: str, request: str = "request-1") -> commands.NameEdition:
    return commands.NameEdition(merchant_id=MERCHANT, request=request, edition_id=edition_id)


def test_hosted_buyers_are_spread_over_the_partitions_that_there_were_first() -> None:
    shop = given().when(commands.FixHostedPartitions(partitions=4))
    shop.then(expect(events.HostedPartitionsFixed, partitions=4))
    shop.when(commands.FixHostedPartitions(partitions=5)).then(expect(events.CommandRepeated, subject="4"))
    shop.partition = type(shop.partition).restore(shop.partition.snapshot())
    shop.when(commands.FixHostedPartitions(partitions=9)).then(expect(events.CommandRepeated, subject="4"))


def fixed(shop: Scenario, partitions: int) -> int:
    """What a gateway that knows so many partitions learns."""
    (answer,) = shop.when(commands.FixHostedPartitions(partitions=partitions)).decided
    return answer.partitions if isinstance(answer, events.HostedPartitionsFixed) else int(answer.subject)  # type: ignore[attr-defined]


def test_no_hosted_user_becomes_somebody_else_when_partitions_are_added() -> None:
    shop = given()

    def users(partitions: int) -> list[str]:
        spread = fixed(shop, partitions)
        return [hosted_buyer_id("app", str(n), secret=b"k" * 32, partitions=spread) for n in range(1000)]

    before = users(4)
    assert users(5) == users(12) == users(4) == before


@pytest.mark.parametrize("partitions", [0, -1])
def test_hosted_buyers_need_a_partition(partitions: int) -> None:
    given().when(commands.FixHostedPartitions(partitions=partitions)).then(
        expect(events.CommandRefused, reason="bad_partitions")
    )


def test_a_request_that_comes_again_keeps_the_edition_that_it_named_first() -> None:
    shop = given(REGISTER).when(name("ed2-c0ncert000"))
    shop.then(expect(events.EditionNamed, request="request-1", edition_id="ed2-c0ncert000"))
    shop.when(name("ed4-an0ther000")).then(expect(events.CommandRepeated, subject="ed2-c0ncert000"))
    shop.when(name("ed4-an0ther000", "request-2")).then(expect(events.EditionNamed, edition_id="ed4-an0ther000"))


@pytest.mark.parametrize("edition_id", ["", "pt0", MERCHANT, "ed2-c0ncert000-00000000000000000001"])
def test_a_request_names_nothing_but_an_edition(edition_id: str) -> None:
    given(REGISTER).when(name(edition_id)).then(expect(events.CommandRefused, reason="bad_id"))


def test_an_unknown_merchants_request_names_nothing() -> None:
    given().when(name("ed2-c0ncert000")).then(expect(events.CommandRefused, reason="unknown_merchant"))
