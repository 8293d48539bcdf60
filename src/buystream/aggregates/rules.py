"""The rules that decisions depend on, by version. A changed rule gets a new version here; the old one stays, because
the log says which version each decision was made by."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from buystream.errors import BuystreamError
from buystream.vocabulary.money import CURRENCIES, Currency


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """One version of the rules: every number and table that a decision reads. What a client's command may look like is
    the vocabulary's, what a state is called is the aggregate's own."""

    version: int
    currencies: Mapping[str, Currency]
    """What can be sold in, and which of its amounts can be charged."""
    partial_captures: bool
    """Whether less than was reserved may be taken; by version 1 such a capture is refused."""

    quantity_max: int
    """Of one order."""
    issued_max: int
    """Units that an edition may ever have. With `units_per_buyer_max` and `amount_minor_max`: every number that is
    stored, and every sum of them, fits 64 bits."""
    units_per_buyer_max: int
    """The most that a limit per buyer may allow, and that a refused order may name and still be remembered."""
    amount_minor_max: int
    """The largest amount of money that is recorded, from any source."""
    requests_known_seconds: int
    """How long a merchant's request is known for a repeat by its name, where names would otherwise be kept for ever."""
    reports_known_seconds: int
    """The same of reports by our own processes, which repeat them within minutes."""
    placements_reported_max: int
    """Placements that one report of clicks or impressions names."""
    refused_orders_kept_max: int
    """Refused orders that an edition remembers; further refusals spend no order id."""
    hold_seconds_max: int
    """The longest hold that an edition may give."""
    hold_ceiling_seconds: int
    """A hold whose clock is restarted ends at the latest this long after the order was placed."""
    hold_rest_seconds: int
    """A hold whose clock starts again keeps at least this long, or a whole hold if that is less."""
    away_hold_seconds: int
    """A hold whose clock starts again while the buyer isn't there keeps at least this long."""
    payment_attempts_max: int
    buyer_pause_seconds_max: int
    """The longest pause for a buyer who is too fast."""
    earliest_time_ms: int
    """A time that a client gives is not before this: it would be one in seconds, which are 1,000 times smaller."""
    latest_time_ms: int

    announcements_max: int
    """Mails to all buyers of an edition within `announcements_seconds`."""
    announcements_seconds: int
    price_tiers_max: int
    """Of one variant."""
    codes_per_edition_max: int
    single_use_codes_max: int
    """That are created at once."""
    stock_alerts_max: int
    """Buyers who wait for stock of one variant, all of whom one event may tell that there is."""
    parcels_per_order_max: int
    fulfilment_events_max: int
    """What may be recorded about one parcel."""
    exchanges_per_order_max: int
    shipping_changes_max: int
    """How often an edition's prices of delivery change: orders keep those that they were placed by."""
    notes_per_order_max: int
    mails_per_order_max: int
    """Confirmations that are sent again."""
    weight_grams_max: int
    """Of a unit, and of a parcel that a delivery price is for."""
    passages_per_ticket_max: int
    """As many lines may an order have by them, too."""
    drafts_per_merchant_max: int
    files_per_edition_max: int
    file_bytes_max: int
    """Of one file: what any storage takes."""
    downloads_max: int
    """Of a version of a file, that an edition may allow each order."""
    activations_max: int
    """Places that an edition may let a licence be used in."""
    link_seconds_min: int
    link_seconds_max: int
    """How long an edition may let a download's link work."""
    expiries_per_tick_max: int
    """Holds that one Tick expires or extends."""
    tick_delay_ms_max: int
    """A Tick that took longer to reach the log ends nothing: the log was away, and nobody could pay meanwhile."""
    agenda_per_tick_max: int
    """Editions and recurring gifts that one Tick carries on."""
    asked_at_once_max: int
    """What one edition asks the provider for by the clock, before it waits for answers."""
    looked_at_per_tick_max: int
    """Orders of a cancelled edition that one Tick looks at, to see what there is to end."""
    answers_awaited_seconds: int
    """How long a campaign's end waits for payments that were requested before it."""
    erasures_at_once_max: int
    """Links of an erased buyer whose end one command requests."""
    api_keys_max: int
    """API keys of one merchant that work at a time."""
    api_keys_ever_max: int
    """API keys that one merchant may ever have: those that were revoked are remembered, so that none works again."""
    members_max: int
    """People who work for one merchant at a time, those who are invited too."""
    members_ever_max: int
    """People whom one merchant may ever invite: those who were removed are remembered."""
    passkeys_max: int
    """Of one member."""
    partitions_max: int
    """That a shop may have: an id has room for five digits."""
    zone_years_max: int
    """Years that a merchant's time zone may come with."""
    zone_offset_ms_max: int
    """No time zone's new year is further from UTC's."""
    authorisation_seconds: int
    """How long a campaign relies on reserved money: a card's authorisation lasts 7 days
    (https://docs.stripe.com/payments/place-a-hold-on-a-payment-method), and taking it needs time too."""
    gift_interval_months: tuple[int, ...]
    gift_unpaid_max: int
    """Gifts in a row that nobody paid end a recurring gift."""


class UnknownRules(BuystreamError):
    """This program is too old or too new for the partition's rules."""


_FIRST: Final = Rules(
    version=1,
    currencies=MappingProxyType(dict(CURRENCIES)),
    partial_captures=False,
    quantity_max=100,
    issued_max=1_000_000_000_000,
    units_per_buyer_max=1_000_000,
    amount_minor_max=1_000_000_000_000_000,
    requests_known_seconds=30 * 24 * 3600,
    reports_known_seconds=24 * 3600,
    placements_reported_max=50,
    refused_orders_kept_max=10_000,
    hold_seconds_max=7 * 24 * 3600,
    hold_ceiling_seconds=1800,
    hold_rest_seconds=60,
    away_hold_seconds=3 * 24 * 3600,
    payment_attempts_max=3,
    buyer_pause_seconds_max=24 * 3600,
    earliest_time_ms=100_000_000_000,
    latest_time_ms=253_402_300_799_999,
    announcements_max=3,
    announcements_seconds=24 * 3600,
    price_tiers_max=10,
    codes_per_edition_max=1_000,
    single_use_codes_max=10_000,
    stock_alerts_max=1_000,
    parcels_per_order_max=100,
    fulfilment_events_max=100,
    exchanges_per_order_max=20,
    shipping_changes_max=100,
    notes_per_order_max=100,
    mails_per_order_max=20,
    weight_grams_max=1_000_000,
    passages_per_ticket_max=40,
    drafts_per_merchant_max=500,
    files_per_edition_max=200,
    file_bytes_max=5_000_000_000_000,
    downloads_max=1_000,
    activations_max=1_000,
    link_seconds_min=60,
    link_seconds_max=30 * 24 * 3600,
    expiries_per_tick_max=1000,
    tick_delay_ms_max=5_000,
    agenda_per_tick_max=100,
    asked_at_once_max=100,
    looked_at_per_tick_max=1000,
    answers_awaited_seconds=3600,
    erasures_at_once_max=100,
    api_keys_max=50,
    api_keys_ever_max=10_000,
    members_max=200,
    members_ever_max=10_000,
    passkeys_max=20,
    partitions_max=100_000,
    zone_years_max=200,
    zone_offset_ms_max=26 * 3600 * 1000,
    authorisation_seconds=6 * 24 * 3600,
    gift_interval_months=(1, 3, 6, 12),
    gift_unpaid_max=3,
)

RULES: Final[dict[int, Rules]] = {
    1: _FIRST,
    2: msgspec.structs.replace(_FIRST, version=2, partial_captures=True),
}
"""What changed stands where a version is made from the one before it. A released version never changes: the tests know
each one's digest. When money.py's table of currencies changes, the versions here keep the table that they had."""

FIRST_RULES: Final = 1
NEWEST_RULES: Final = max(RULES)


def rules_of(version: int) -> Rules:
    """The rules of that version; raises UnknownRules."""
    try:
        return RULES[version]
    except KeyError:
        raise UnknownRules(
            f"the log asks for rules version {version}, this program knows {sorted(RULES)}: run a release that has it"
        ) from None
