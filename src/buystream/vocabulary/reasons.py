"""Why a decision refuses: one table with what each reason means over HTTP, in the command line and on the button."""

from collections.abc import Mapping, Set
from typing import Final, NamedTuple

from buystream.vocabulary.money import AMOUNT_REASONS
from buystream.vocabulary.order_states import ALL_ORDER_STATES, ALL_PAYMENT_STATES


class Reason(NamedTuple):
    """`status` and `advice` answer an API request. `heading` and `text` are what the button shows a buyer; both are
    empty where no button can run into the reason."""

    advice: str
    heading: str = ""
    text: str = ""
    status: int = 409


_MISSING: Final = (
    "No longer on sale",
    "The shop doesn’t have this any more.",
)

REASONS: Final[Mapping[str, Reason]] = {
    # Orders
    "sold_out": Reason(
        "Not enough stock is left. If stock is released, send a new order with a new order id.",
        "Sold out",
        "Someone was a moment faster. Anything that becomes available again shows up here right away.",
    ),
    "over_limit": Reason(
        "This exceeds the limit per buyer.",
        "That’s over the limit",
        "There’s a limit per buyer, which counts what you already hold or own.",
    ),
    "not_open": Reason(
        "The sale has not opened yet.",
        "Not open yet",
        "The sale hasn’t started. The button opens automatically when it does.",
    ),
    "closed": Reason("The sale is over.", "The sale is over", "This sale has closed."),
    "paused": Reason(
        "The sale is paused. Try again later, with a new order id.",
        "Paused for a moment",
        "The shop has paused this sale. The button reopens automatically.",
    ),
    "cancelled": Reason(
        "This was cancelled. Everyone who paid gets a refund.",
        "This was cancelled",
        "It won’t take place. Everyone who paid gets a refund.",
    ),
    "wrong_price": Reason(
        "The price has changed. Read the edition again and order at its current price.",
        "The price has changed",
        "Check the new price, then tap again.",
    ),
    "few_at_this_price": Reason(
        "Fewer units are left at this price. Order no more than available, with a new order id.",
        "Not that many at this price",
        "Choose fewer, then tap again. The others cost what comes next.",
    ),
    "too_fast": Reason(
        "Too many orders in a short time. Wait a minute, then order again with a new order id.",
        "Too many taps",
        "That was a lot of taps in a short time. Wait a minute, then tap again.",
    ),
    "not_vouched": Reason(
        "Only users of a host application may order this. Start a session with its host_token.",
        "Log in first",
        "This is for members only. Log in on the page that shows this button, then tap again.",
    ),
    "too_many_holds": Reason(
        "Your network holds too many unpaid units of this edition. Pay for them, cancel them, or wait.",
        "Too many on hold",
        "People on your network hold many of these without having paid. Wait a minute, then tap again.",
        status=429,
    ),
    "amount_off_step": Reason("This amount can't be charged in this currency. Choose a multiple of its step."),
    "amount_too_small": Reason("This amount is below the currency's minimum. Choose a larger one."),
    "amount_too_large": Reason("This amount is above the currency's maximum. Choose a smaller one."),
    "variant_twice": Reason("A variant has one line. Send its units in that line, with a new order id."),
    "order_id_conflict": Reason(
        "This order id is taken. Generate a new one.",
        "Let’s start again",
        "That order belongs to another session. Tap again for a new one.",
    ),
    # Codes
    "unknown_code": Reason("The edition has no such code.", "That code doesn’t work", "Check how it’s spelled."),
    "code_expired": Reason("The code can't be used any more.", "That code has expired", "It can’t be used any more."),
    "code_not_yet_valid": Reason("The code can't be used yet.", "That code isn’t valid yet", "It can be used later."),
    "code_used_up": Reason(
        "The code was used as often as it may be. If an order with it expires unpaid, it can be used again.",
        "That code is used up",
        "It was used already, or somebody is paying with it right now.",
    ),
    "code_not_for_this": Reason(
        "The code isn't for these variants, or for an order of this amount.",
        "That code isn’t for this",
        "It’s for something else, or for a larger order.",
    ),
    "code_used_by_buyer": Reason(
        "This buyer has used the code as often as one buyer may.",
        "You have used that code",
        "It can’t be used again by the same person.",
    ),
    "wrong_discount": Reason(
        "The code takes less off than discount_minor says. Look the code up again.",
        "The price has changed",
        "Check the new price, then tap again.",
    ),
    "code_too_late": Reason(
        "Codes are used before anything is paid. Cancel the order, and send a new one with the code.",
        "Too late for a code",
        "A payment has begun. Cancel this order to use a code.",
    ),
    # Payments
    "needs_payment_method": Reason("Send payment_method and delivery."),
    "too_many_attempts": Reason("No attempts to pay are left for this order. Send a new order."),
    "campaign_missed": Reason("The campaign missed its target, so nothing is charged."),
    "edition_cancelled": Reason("The edition was cancelled, so nothing is charged."),
    "wrong_amount": Reason("The provider reported a different amount from the one requested."),
    "not_payable": Reason("This order can't be paid now. Read the order to see why."),
    "not_waiting": Reason("No payment of this order is waiting for its bank."),
    # Delivery
    "country_not_served": Reason(
        "The merchant doesn't deliver to this country. Choose another address, or a place to collect the order.",
        "No delivery there",
        "The seller doesn’t deliver to this country.",
    ),
    "unknown_delivery_method": Reason(
        "The order can't be delivered like that. Read its delivery options and send one's method_id."
    ),
    "too_heavy": Reason(
        "The order is too heavy for this way of delivery. Read its delivery options and choose another."
    ),
    "wrong_delivery_price": Reason(
        "Delivery has another price. Read the order's delivery options and send the amount_minor of the one chosen."
    ),
    "already_packed": Reason("The order is packed, so its address can't be changed any more. Contact the merchant."),
    "not_posted": Reason("This order is collected, so it has no address."),
    "delivery_price_differs": Reason(
        "Delivery there has another price or goes another way, and what was paid doesn't change. Contact the merchant."
    ),
    # Refunds, returns and disputes
    "bad_amount": Reason("That is more than can be refunded. Read the order's refunds and request less."),
    "bad_quantity": Reason("There are not that many units. Read it again and request fewer."),
    "amount_needed": Reason("State what these units are worth: send amount_minor with quantity."),
    "lines_needed": Reason("State which units these are: send lines, with the variant and quantity of each."),
    "return_under_way": Reason("A refund of this order is in progress: it can't be shipped or used."),
    "refund_id_conflict": Reason("This Idempotency-Key was used for another amount. Use a new key for another refund."),
    "not_returnable": Reason("The buyer can't return this order. Contact the merchant."),
    "too_late": Reason(
        "The deadline for returning this order has passed.",
        "Too late to return",
        "The deadline for returning this order has passed. The seller may still be able to help.",
    ),
    "unknown_refund": Reason("There is no such refund."),
    "unknown_outcome": Reason("A dispute's outcome is won, lost or withdrawn."),
    "not_refundable": Reason("This order is not sold, so there is nothing to refund. See because."),
    # Parcels
    "nothing_to_pack": Reason("Every unit of this order is in a parcel. Read its lines to see how many are left."),
    "bad_stage": Reason("A parcel has no such stage, or can't begin with it."),
    "parcel_ended": Reason("Nothing more happens to this parcel. Create another shipment for units that came back."),
    "unknown_shipment": Reason("The order has no such shipment.", status=404),
    "too_many_parcels": Reason("The order has reached the maximum number of parcels."),
    "too_many_events": Reason("The parcel has reached the maximum number of events."),
    "shipment_id_conflict": Reason("This Idempotency-Key was used for another parcel. Use a new one."),
    "fulfilment_id_conflict": Reason("This Idempotency-Key was used for something else that happened. Use a new one."),
    "bad_goods": Reason("State what becomes of the goods: restock, withdraw or inspect."),
    "unknown_return": Reason("The order has no such return that waits for an inspection.", status=404),
    "return_id_conflict": Reason("This Idempotency-Key was used for another return. Use a new one."),
    "exchange_id_conflict": Reason("This Idempotency-Key was used for another exchange. Use a new one."),
    "tickets_stay": Reason("Tickets aren't exchanged. Refund them; the buyer orders others."),
    "price_differs": Reason("The other variant has another price. Refund these units; the buyer orders the others."),
    "already_asked": Reason(
        "These units have been asked about already. Wait for the answer.",
        "You have asked already",
        "The seller has your request for this and will answer it.",
    ),
    "too_many_returns": Reason(
        "The order has reached the maximum number of requests to return something.",
        "Please write to the seller",
        "You have asked about this order many times. Write to the seller directly.",
    ),
    "unknown_request": Reason("The order has no such request.", status=404),
    "request_settled": Reason("The units of this request have come back or were exchanged."),
    "request_id_conflict": Reason("This Idempotency-Key was used for another request. Use a new one."),
    "too_many_exchanges": Reason("The order has reached the maximum number of exchanges."),
    "too_many_notes": Reason("The order has reached the maximum number of notes."),
    "note_id_conflict": Reason("This Idempotency-Key was used for another note. Use a new one."),
    "too_many_mails": Reason("The confirmation was sent again as often as it may be."),
    "resend_id_conflict": Reason("This Idempotency-Key was used for something else. Use a new one."),
    # Recurring gifts
    "not_registered": Reason(
        "Nothing is saved for this buyer. Send payment_method and delivery.",
        "Save your card first",
        "Give once and tick “Save for one-tap payment”. After that you can give every month.",
    ),
    "gift_id_conflict": Reason(
        "This gift id is taken or doesn't belong to the edition. Generate a new one.",
        "Let’s start again",
        "That gift belongs to another session. Tap again for a new one.",
    ),
    "bad_interval": Reason("A gift repeats every 1, 3, 6 or 12 months."),
    "not_recurring": Reason(
        "A gift to this edition can't repeat. Give once instead.",
        "One-time gifts only",
        "Gifts to this can’t repeat. You can give once instead.",
    ),
    "unknown_gift": Reason("You have no such recurring gift.", status=404),
    # Editions and their stock
    "unlimited": Reason("This edition has no stock limit, so there is nothing to add or withdraw."),
    "edition_id_conflict": Reason("This Idempotency-Key was used for an edition with other terms. Use a new one."),
    "change_id_conflict": Reason("This Idempotency-Key was used for another change of stock. Use a new one."),
    "announcement_id_conflict": Reason("This Idempotency-Key was used for another announcement. Use a new one."),
    "too_many_announcements": Reason(
        "An edition's buyers get at most 3 announcements in 24 hours. Send this one later.", status=429
    ),
    "bad_code": Reason(
        "A code has a label, and either a share or an amount, or hidden variants that it opens. Its limits and dates "
        "must be possible, and its variants the edition's. Gifts and campaigns have no codes."
    ),
    "no_such_code": Reason("The edition has no such code. Read its codes again.", status=404),
    "code_taken": Reason("The edition has this code already. Choose another one."),
    "code_id_conflict": Reason("This Idempotency-Key was used for a code with other terms. Use a new one."),
    "too_many_codes": Reason("The edition has reached the maximum number of codes."),
    "bad_stock": Reason("stock must be at least 1, or null for unlimited."),
    "bad_variants": Reason("An edition has at least one variant, and each has an id of its own."),
    "bad_limit": Reason("limit_per_buyer is outside the allowed range."),
    "bad_hold": Reason("hold_seconds is outside the allowed range."),
    "bad_pause": Reason("A buyer can't be paused for that long."),
    "bad_tiers": Reason("A tier has a price and an end, units or until_ms. Only what has a fixed price has tiers."),
    "bad_price": Reason("The price's bounds are in the wrong order, or outside the allowed range."),
    "bad_tax": Reason("The tax is outside the allowed range, or has no label."),
    "bad_refund_rule": Reason("The refund rule has a share or a party that is not allowed."),
    "bad_target": Reason("A campaign's target must be positive; all-or-nothing campaigns also need a closing date."),
    "in_stock": Reason("There is stock: order now."),
    "too_many_alerts": Reason("As many people as possible wait for this already. Look again later."),
    "bad_event": Reason(
        "An event has a venue, doors that open before it starts, and a later end. A campaign has none."
    ),
    "no_event": Reason("This edition has no event that could be moved: it sells no tickets."),
    "bad_shipping": Reason(
        "Each country has one zone, and each method a name of its own; weights rise, and prices can be charged. "
        "Gifts and campaigns have no delivery prices."
    ),
    "no_delivery_price": Reason("Delivery of this edition has no price that could change: it is in the price."),
    "too_many_changes": Reason("The prices of delivery have changed as often as they can."),
    "bad_weight": Reason("weight_grams is outside the allowed range."),
    "bad_page": Reason(
        "The title, the story, a picture or a note is too long, occurs twice or isn't text. See /schema for the limits."
    ),
    "archived": Reason("This edition is archived. Return it to the lists first."),
    "still_on_sale": Reason("The sale isn't over yet. End it first."),
    "campaign_is_dated": Reason("A campaign keeps its dates. Pause or cancel it instead."),
    "edition_released": Reason("This edition was released, so it is a draft no more. Edit the edition instead."),
    "unknown_draft": Reason("You have no such draft.", status=404),
    "too_many_drafts": Reason("You have as many drafts as the shop keeps. Release or discard one first."),
    "bad_draft": Reason("A draft has a title, and at least one variant."),
    "not_milliseconds": Reason("Send times in milliseconds since 1970, before the year 10000."),
    "bad_window": Reason("The sale would close before it opens. Send a later closes_at_ms."),
    "closes_in_the_past": Reason("closes_at_ms has already passed. Send a later one, or null."),
    "returns_end_in_the_past": Reason("The refund rule's until_ms has already passed. Send a later one, or null."),
    # Tickets
    "unknown_ticket": Reason("You have no such ticket, or the link isn't its newest one.", status=404),
    "ticket_returned": Reason("This ticket was refunded."),
    "ticket_changed": Reason(
        "The ticket changed in the meantime: it was passed on, taken back or claimed. Read it again."
    ),
    "ticket_over": Reason("The event is over."),
    "ticket_used": Reason("Someone came in with this ticket, so it can't be passed on or returned any more."),
    "ticket_key_conflict": Reason("The key's next version is another one. Read the keys again."),
    # Downloads
    "unknown_file": Reason("There is no such file.", status=404),
    "bad_file": Reason("The file's name, size, digest or media type is not possible. See /schema."),
    "too_many_files": Reason("The edition has reached the maximum number of files. Remove one first."),
    "downloads_used_up": Reason("This file was downloaded as often as its edition allows. Contact the merchant."),
    "unknown_licence": Reason("There is no such licence.", status=404),
    "licence_returned": Reason("This licence was refunded."),
    "licence_disabled": Reason("The merchant has disabled this licence."),
    "activations_used_up": Reason("The licence is used in as many places as it allows. Deactivate one first."),
    "bad_licences": Reason("The number of places where a licence may be used is outside the allowed range."),
    "bad_downloads": Reason("The number of downloads, or how long a link works, is outside the allowed range."),
    # The door
    "bad_gates": Reason("Each gate needs an id of its own, and admits variants that the edition has."),
    "unknown_gate": Reason("The edition has no such gate. Read the door again.", status=404),
    "bad_direction": Reason("A ticket passes as entry or exit."),
    "nonce_conflict": Reason("This nonce was used for the scan of another ticket. Use a new one."),
    "unknown_scan": Reason("No scan of this ticket has this nonce.", status=404),
    "not_the_last_scan": Reason("The ticket was scanned again since, so this scan can't be undone any more."),
    "bad_expiry": Reason("What expires must do so at a time that is still to come."),
    # Merchants and buyers
    "bad_time_zone": Reason("The time zone is not in the IANA database. Send one such as Europe/Berlin."),
    "bad_terms": Reason("The fee is outside the allowed range."),
    "terms_id_conflict": Reason("This id was used for other fee terms. Use a new one."),
    "unknown_currency": Reason("The shop doesn't sell in this currency."),
    "unknown_receipt": Reason("There is no receipt to correct."),
    "unknown_kind": Reason("A buyer's details have no link of this kind."),
    "erased": Reason("This buyer's details were erased."),
    # What a command names
    "unknown_edition": Reason("There is no such edition.", *_MISSING, status=404),
    "unknown_variant": Reason(
        "The edition has no such variant. Read the edition again and order one of its variants.", *_MISSING, status=404
    ),
    "unknown_order": Reason("You have no such order.", status=404),
    "unknown_merchant": Reason("There is no such merchant."),
    "unknown_payment": Reason("There is no such payment."),
    "bad_id": Reason("The id has the wrong form, or belongs to another partition."),
    "unknown_key": Reason("There is no such API key. List the merchant's keys to see which ones work.", status=404),
    "last_key": Reason("This is the last API key. Create another one first, then use that to revoke this one."),
    "key_revoked": Reason("The API key was revoked. Use another one.", status=401),
    "key_id_conflict": Reason(
        "This Idempotency-Key has already created an API key, which is shown only once. Use a new one."
    ),
    "too_many_keys": Reason("The merchant has reached the maximum number of API keys. Revoke one first."),
    "unknown_role": Reason("A role is owner, sales, support, door, analyst or read-only."),
    "unknown_member": Reason("There is no such member.", status=404),
    "member_id_conflict": Reason("This Idempotency-Key was used for another invitation. Use a new one."),
    "too_many_members": Reason("The merchant has reached the maximum number of members. Remove one first."),
    "invitation_over": Reason("This invitation was used, withdrawn or has expired. Ask for another one."),
    "unknown_passkey": Reason("There is no such passkey.", status=404),
    "passkey_id_conflict": Reason("This Idempotency-Key has already added a passkey. Use a new one."),
    "too_many_passkeys": Reason("The member has reached the maximum number of passkeys. Remove one first."),
    "last_owner": Reason("This is the last owner. Make another member an owner first."),
    "merchant_id_conflict": Reason("This merchant id was registered with other details."),
    "not_permitted": Reason("You may not ask for this.", status=403),
    # Operators
    "unknown_position": Reason("The partition has not decided a command at this position yet."),
    "verdict_too_late": Reason(
        "The verdict came too late: the command was already decided the other way. Run 'buystream clock show'."
    ),
    "unknown_rules": Reason("The partition already follows newer rules and can't go back."),
    "bad_partitions": Reason("The number of partitions is outside the allowed range."),
    "unreadable": Reason("The command can't be read. It is in the dead-letter queue; nothing changed."),
    "undecidable": Reason("Deciding the command failed. It is in the dead-letter queue; nothing changed."),
    # What an order's state excludes
    "order_held": Reason("The order is held and not paid yet."),
    "order_pledged": Reason("The order is pledged and not charged yet."),
    "order_authorised": Reason("The order's payment is being taken right now. Try again in a moment."),
    "order_confirmed": Reason("The order is paid."),
    "order_shipped": Reason("The order has been shipped."),
    "order_delivered": Reason("The order has been delivered or used."),
    "order_refused": Reason("The order was refused."),
    "order_expired": Reason("The order's hold has expired."),
    "order_cancelled": Reason("The order was cancelled."),
    "order_refunded": Reason("The order has been refunded in full."),
    "target_reached": Reason(
        "The target is reached and the pledges are being charged, so this one can no longer be cancelled.",
        "The target is reached",
        "Your gift is being charged now, so it can no longer be cancelled.",
    ),
    "order_disputed": Reason("The buyer's bank is deciding a dispute about this order. Wait for its decision."),
    # What a payment's state excludes
    "payment_requested": Reason("The provider has not answered yet."),
    "payment_authentication_required": Reason("The buyer's bank has not confirmed the payment yet."),
    "payment_authorised": Reason("The money is reserved and not captured yet."),
    "payment_declined": Reason("The payment was declined."),
    "payment_captured": Reason("The payment has been captured."),
    "payment_failed": Reason("The payment failed."),
    "payment_voiding": Reason("The reservation is being released."),
    "payment_voided": Reason("The reservation was released."),
    "payment_refund_requested": Reason("A refund of the payment is in progress."),
    "payment_refunded": Reason("The payment has been refunded."),
    "payment_method_saved": Reason("The payment method is saved and nothing is charged yet."),
}
"""Every reason of an OrderRefused or CommandRefused event, and the reasons for which the gateway sends no command."""


OF_ANY_COMMAND: Final = frozenset({"not_permitted", "unreadable", "undecidable"})
"""What may refuse a command whatever it is; no command declares these."""

TO_BUYERS: Final = AMOUNT_REASONS | {
    *("wrong_price", "few_at_this_price", "not_vouched", "cancelled", "closed", "not_open", "paused"),
    *("too_fast", "over_limit", "sold_out", "unknown_variant"),
}
"""Why a buyer gets no stock, by the one check of every entrance (ARCHITECTURE.md, Money)."""


CODE_REASONS: Final = frozenset(
    {
        *("unknown_code", "code_expired", "code_not_yet_valid", "code_used_up", "code_not_for_this"),
        *("code_used_by_buyer", "wrong_discount"),
    }
)
"""Why an order can't use its code."""


DELIVERY_REASONS: Final = frozenset({"country_not_served", "unknown_delivery_method", "too_heavy"})
"""Why an order can't be delivered as its buyer asks."""


def order_is_none_of(states: Set[str]) -> frozenset[str]:
    """The refusals of an order in any other state than these."""
    return frozenset(f"order_{state}" for state in ALL_ORDER_STATES - states)


def payment_is_none_of(states: Set[str]) -> frozenset[str]:
    """The refusals of a payment in any other state than these."""
    return frozenset(f"payment_{state}" for state in ALL_PAYMENT_STATES - states)
