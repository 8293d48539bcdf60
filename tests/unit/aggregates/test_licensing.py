"""In how many places a licence is used, and when it is valid no more."""

from typing import Any

import pytest

from buystream.vocabulary import commands, events
from buystream.vocabulary.values import LicenceTerms
from tests.support.examples import PRICE_MINOR, example
from tests.support.scenario import Scenario, expect, given
from tests.support.steps import authorised, captured, pay, place, refund, refunded, release

UNITS = 2


def sold(**terms: Any) -> Scenario:
    """Anna has two licences."""
    return given(
        release(licences=LicenceTerms(activations_max=2), **terms),
        place(quantity=UNITS),
        pay(),
        authorised(),
        captured(amount_minor=UNITS * PRICE_MINOR),
    )


def activate(instance: str = "one", number: int = 2) -> commands.ActivateLicence:
    return example(commands.ActivateLicence, number=number, instance=instance)


def deactivate(instance: str = "one", number: int = 2) -> commands.DeactivateLicence:
    return example(commands.DeactivateLicence, number=number, instance=instance)


def disable(disabled: bool = True, number: int = 2) -> commands.DisableLicence:
    return example(commands.DisableLicence, number=number, disabled=disabled)


def refusal(reason: str) -> Any:
    return expect(events.CommandRefused, reason=reason)


def test_a_licence_is_used_in_so_many_places_at_a_time() -> None:
    shop = sold().when(activate()).then(expect(events.LicenceActivated, number=2, instance="one", activations=1))
    shop.when(activate()).then(events.CommandRepeated)
    shop.when(activate("two")).then(expect(events.LicenceActivated, activations=2))
    shop.when(activate("three")).then(refusal("activations_used_up"))
    shop.when(activate("three", number=1)).then(expect(events.LicenceActivated, activations=1))
    shop.when(deactivate()).then(expect(events.LicenceDeactivated, activations=1))
    shop.when(deactivate()).then(events.CommandRepeated)
    shop.when(activate("three")).then(expect(events.LicenceActivated, activations=2))


def test_a_disabled_licence_is_activated_nowhere_until_it_is_enabled_again() -> None:
    shop = sold().given(activate()).when(disable()).then(expect(events.LicenceDisabled, disabled=True))
    shop.when(disable()).then(events.CommandRepeated)
    shop.when(activate("two")).then(refusal("licence_disabled"))
    shop.when(disable(disabled=False)).then(expect(events.LicenceDisabled, disabled=False))
    shop.when(activate()).then(events.CommandRepeated)
    shop.when(activate("two")).then(expect(events.LicenceActivated, activations=2))


def test_a_refund_of_one_unit_ends_the_last_licence() -> None:
    shop = sold().given(refund(quantity=1, amount_minor=PRICE_MINOR), refunded())
    shop.when(activate()).then(refusal("licence_returned"))
    shop.when(activate(number=1)).then(events.LicenceActivated)
    shop.when(deactivate(number=1)).then(events.LicenceDeactivated)


def test_what_is_refunded_or_called_off_is_activated_nowhere() -> None:
    sold().given(example(commands.CancelEdition)).when(activate()).then(refusal("cancelled"))
    whole = UNITS * PRICE_MINOR
    given_back = sold().given(refund(quantity=UNITS, amount_minor=whole), refunded(amount_minor=whole))
    given_back.when(activate()).then(refusal("order_refunded"))


def test_there_is_no_licence_beyond_the_units_or_of_another_edition() -> None:
    for number in (0, UNITS + 1):
        for asked in (activate(number=number), deactivate(number=number), disable(number=number)):
            sold().when(asked).then(refusal("unknown_licence"))
    plain = given(release(), place(), pay(), authorised(), captured())
    for asked in (activate(number=1), deactivate(number=1), disable(number=1)):
        plain.when(asked).then(refusal("unknown_licence"))
        given(release()).when(asked).then(refusal("unknown_order"))
    sold().when(example(commands.DisableLicence, merchant_id="me0-0ther00000")).then(refusal("unknown_order"))


@pytest.mark.parametrize("activations_max", [0, 1001])
def test_an_edition_is_released_with_possible_licences(activations_max: int) -> None:
    given().when(release(licences=LicenceTerms(activations_max=activations_max))).then(refusal("bad_licences"))
