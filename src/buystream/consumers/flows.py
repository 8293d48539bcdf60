"""Flows: what spans partitions. A flow reads an event and appends commands whose ids come from the event's, so that a
repeat is harmless. The table below says which event starts which flow."""

import threading
from collections.abc import Callable
from typing import Any, Final, Protocol

from buystream import codec, commands, events
from buystream.consumers.delivery import Checkpoints, EventReader, Place, work_while_assigned
from buystream.ids import partition_of
from buystream.log import COMMANDS, Log, Message


class Vault(Protocol):
    """Where the buyers' keys are."""

    def erase(self, buyer_id: str) -> object:
        """Delete the buyer's key; repeating it is harmless."""
        ...


def remember_buyer(event: events.PaymentAuthorised | events.MethodSaved) -> list[commands.Command]:
    """A buyer who asked to be remembered, and whose card works, confirms with one tap from now on."""
    if not event.delivery or not event.reusable_method:
        return []
    return [
        commands.SaveBuyerDetails(
            buyer_id=event.buyer_id,
            payment_method=event.reusable_method,
            card_label=event.card_label,
            delivery=event.delivery,
        )
    ]


def ask_for_terms(event: events.EditionReleased) -> list[commands.Command]:
    """A released edition asks its merchant where its money goes, and what the platform keeps of it."""
    if not event.awaits_terms:
        return []
    return [commands.RequestTerms(merchant_id=event.merchant_id, edition_id=event.edition_id, currency=event.currency)]


def bring_terms(event: events.TermsGranted) -> list[commands.Command]:
    """The merchant's answer goes to the edition, which opens with it."""
    return [
        commands.ApplyTerms(
            edition_id=event.edition_id,
            terms_id=event.terms_id,
            account=event.account,
            fee_share_bps=event.fee_share_bps,
            fee_fixed_minor=event.fee_fixed_minor,
        )
    ]


def number_receipt(event: events.OrderConfirmed) -> list[commands.Command]:
    """A paid gift gets its merchant's next receipt number."""
    if not event.merchant_id:
        return []
    return [
        commands.IssueReceipt(
            merchant_id=event.merchant_id,
            order_id=event.order_id,
            amount_minor=event.amount_minor,
            currency=event.currency,
            paid_at_ms=event.at_ms,
        )
    ]


def correct_receipt(event: events.OrderRefunded) -> list[commands.Command]:
    """A receipt is never for more than was given. It was issued before: both commands go to one partition, in the order
    of the events they come from."""
    if not event.merchant_id:
        return []
    return [
        commands.CorrectReceipt(
            merchant_id=event.merchant_id,
            order_id=event.order_id,
            refund_id=event.refund_id,
            amount_minor=event.amount_minor,
        )
    ]


FLOWS: Final[dict[type[events.Event], Callable[[Any], list[commands.Command]]]] = {
    events.PaymentAuthorised: remember_buyer,
    events.MethodSaved: remember_buyer,
    events.EditionReleased: ask_for_terms,
    events.TermsGranted: bring_terms,
    events.OrderConfirmed: number_receipt,
    events.OrderRefunded: correct_receipt,
}

TARGETS: Final = {
    commands.SaveBuyerDetails: "buyer_id",
    commands.RequestTerms: "merchant_id",
    commands.ApplyTerms: "edition_id",
    commands.IssueReceipt: "merchant_id",
    commands.CorrectReceipt: "merchant_id",
}
"""The field whose id carries the partition that decides the command."""


class Flows:
    """Runs the flows of all partitions that are assigned to this process."""

    def __init__(self, log: Log, *, dsn: str, vault: Vault) -> None:
        self._log = log
        self._vault = vault
        self._checkpoints = Checkpoints(dsn, "flows", partitions=log.partitions)

    def run(self, stop: threading.Event) -> None:
        """Until `stop`."""
        try:
            work_while_assigned(self._log, "flows", stop, self._work)
        finally:
            self._checkpoints.close()

    def _work(self, partitions: frozenset[int], ended: Callable[[], bool]) -> None:
        starts = {partition: place for partition, place in self._checkpoints.load().items() if partition in partitions}
        reader = EventReader(self._log, "flows", starts, wanted=(*FLOWS, events.BuyerErased))
        try:
            while not ended():
                places: dict[int, Place] = {}
                for record, event in reader.poll(timeout_seconds=0.5):
                    if event is not None:
                        self._follow(event, record.headers["ce_id"])
                    places[record.partition] = Place(record.position + 1, int(record.headers["ce_sequence"]) + 1)
                if places:
                    self._checkpoints.save(places)
        finally:
            reader.close()

    def _follow(self, event: events.Event, event_id: str) -> None:
        if isinstance(event, events.BuyerErased):
            self._vault.erase(event.buyer_id)
        flow = FLOWS.get(type(event))
        for number, command in enumerate(flow(event) if flow else ()):
            headers = codec.command_headers(command, command_id=f"{event_id}:{number}")
            partition = partition_of(getattr(command, TARGETS[type(command)]))
            self._log.append(COMMANDS, partition, [Message(codec.encode(command), headers=headers)])
