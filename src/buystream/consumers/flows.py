"""Flows: what spans partitions. A flow reads an event and appends commands whose ids come from the event's, so that a
repeat is harmless. The table below says which event starts which flow. An event whose flow leads nowhere is set
aside, so that it stops no other."""

import threading
from collections.abc import Callable
from typing import Any, Final, Protocol

from buystream.aggregates.buyer import GIFT, PAYMENT_METHOD, PLEDGE
from buystream.delivery.dead_letters import DeadLetters, Unfit
from buystream.delivery.policy import Checkpoints, EventReader, Place, Read, work_while_assigned
from buystream.errors import BuystreamError
from buystream.log import COMMANDS, EVENTS, Log, LogUnavailable, Message
from buystream.metrics import RECORDS_SET_ASIDE
from buystream.vocabulary import actors, codec, commands, events


class KeyVault(Protocol):
    """Where the buyers' keys are."""

    def erase(self, buyer_id: str) -> object:
        """Delete the buyer's key, and never make one again; repeating it is harmless."""
        ...


def remember_buyer(event: events.PaymentAuthorised) -> list[commands.Command]:
    """A buyer who asked to be remembered, and whose card works, confirms with one tap from now on."""
    if not event.delivery or not event.reusable_method:
        return []
    return [_details(event)]


def remember_giver(event: events.MethodSaved) -> list[commands.Command]:
    """The same for a pledge; and the saved method has to go when its owner is erased, remembered or not."""
    if not event.reusable_method:
        return []
    if event.delivery:
        return [_details(event)]
    return [commands.LinkToBuyer(buyer_id=event.buyer_id, link_kind=PAYMENT_METHOD, link_id=event.reusable_method)]


def _details(event: events.PaymentAuthorised | events.MethodSaved) -> commands.SaveBuyerDetails:
    return commands.SaveBuyerDetails(
        buyer_id=event.buyer_id,
        payment_method=event.reusable_method,
        card_label=event.card_label,
        delivery=event.delivery,
    )


def link_pledge(event: events.OrderPledged) -> list[commands.Command]:
    """A pledge ends with the erasure of its giver."""
    if not event.buyer_id:
        return []  # written before pledges said whose they are
    return [commands.LinkToBuyer(buyer_id=event.buyer_id, link_kind=PLEDGE, link_id=event.order_id)]


def link_gift(event: events.RecurringGiftStarted) -> list[commands.Command]:
    """A recurring gift ends with the erasure of its giver."""
    return [commands.LinkToBuyer(buyer_id=event.buyer_id, link_kind=GIFT, link_id=event.gift_id)]


def end_link(event: events.ErasureRequested) -> list[commands.Command]:
    """What an erased buyer pledged or gives regularly ends. What the provider saved is deleted by the payments'
    consumer."""
    ended: list[commands.Command] = []
    if event.link_kind == PLEDGE:
        ended.append(commands.CancelOrder(order_id=event.link_id, buyer_id=event.buyer_id))
    elif event.link_kind == GIFT:
        ended.append(commands.EndRecurringGift(gift_id=event.link_id, buyer_id=event.buyer_id))
    if event.links_left:
        ended.append(commands.EraseBuyer(buyer_id=event.buyer_id))
    return ended


def ask_for_terms(event: events.EditionReleased) -> list[commands.Command]:
    """A released edition asks its merchant where its money goes, and what the platform keeps of it."""
    if not event.awaits_terms:
        return []
    return [
        commands.RequestTerms(merchant_id=event.merchant_id, edition_id=event.edition_id, currency=event.offer.currency)
    ]


def bring_terms(event: events.TermsGranted) -> list[commands.Command]:
    """The merchant's answer goes to the edition, which opens with it."""
    return [
        commands.ApplyTerms(
            edition_id=event.edition_id,
            terms_id=event.terms_id,
            account=event.account,
            fee=event.fee,
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
    """A receipt is never for more than was given and kept. It was issued before: both commands go to one partition, in
    the order of the events that they come from."""
    return _correction(event, event.refund_id, event.amount_minor)


def restore_receipt(event: events.RefundFailed) -> list[commands.Command]:
    """A refund failed after it had succeeded: the gift is the charity's again."""
    return _correction(event, event.refund_id, -event.amount_minor)


def follow_dispute(event: events.DisputeClosed) -> list[commands.Command]:
    """What a bank took for good was not given; what it returned was."""
    return _correction(event, event.dispute_id, event.lost_minor)


def _correction(
    event: events.OrderRefunded | events.RefundFailed | events.DisputeClosed, refund_id: str, amount_minor: int
) -> list[commands.Command]:
    """Named by the event that it comes from: a refund may succeed, fail and succeed, a dispute be lost and won."""
    if not event.merchant_id or not amount_minor:
        return []
    return [
        commands.CorrectReceipt(
            merchant_id=event.merchant_id,
            order_id=event.order_id,
            refund_id=refund_id,
            amount_minor=amount_minor,
            change_id=f"{event.originator_id}:{event.originator_version}",
        )
    ]


FLOWS: Final[dict[type[events.Event], Callable[[Any], list[commands.Command]]]] = {
    events.PaymentAuthorised: remember_buyer,
    events.MethodSaved: remember_giver,
    events.OrderPledged: link_pledge,
    events.RecurringGiftStarted: link_gift,
    events.ErasureRequested: end_link,
    events.EditionReleased: ask_for_terms,
    events.TermsGranted: bring_terms,
    events.OrderConfirmed: number_receipt,
    events.OrderRefunded: correct_receipt,
    events.RefundFailed: restore_receipt,
    events.DisputeClosed: follow_dispute,
}

ACTOR: Final = actors.system("flows")


class LeadsNowhere(BuystreamError):
    """A flow's command names something that is in no partition of this log."""


def target_of(command: commands.Command, partitions: int) -> commands.Address:
    """Where the command is decided, in a log of so many partitions; raises LeadsNowhere and MalformedId."""
    address = commands.address_of(command)
    if address.partition >= partitions:
        raise LeadsNowhere(f"{address.key} is in no partition of this log, which has {partitions}")
    return address


class Flows:
    """Runs the flows of all partitions that are assigned to this process."""

    def __init__(self, log: Log, *, dsn: str, vault: KeyVault) -> None:
        self._log = log
        self._vault = vault
        self._checkpoints = Checkpoints(dsn, "flows", partitions=log.partitions)
        self._dead_letters = DeadLetters(log, "flows")

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
                for read in reader.poll(timeout_seconds=0.5):
                    self._follow(read)
                    places[read.record.partition] = Place(read.record.position + 1, int(read.head.sequence) + 1)
                if places:
                    self._checkpoints.save(places)
        finally:
            reader.close()

    def _follow(self, read: Read) -> None:
        """Append what follows. Raises LogUnavailable: then follow it again."""
        record, head, event = read
        if isinstance(event, events.BuyerErased):
            self._erase(event.buyer_id)
        flow = FLOWS.get(type(event)) if event is not None else None
        try:
            following = flow(event) if flow else []
            targets = [target_of(command, self._log.partitions) for command in following]
            for number, (command, (partition, key)) in enumerate(zip(following, targets, strict=True)):
                value = codec.encode_command(
                    command, command_id=f"{head.id}:{number}", actor=ACTOR, traceparent=head.traceparent
                )
                self._log.append(COMMANDS, partition, [Message(value, key)])
        except (LogUnavailable, MemoryError):
            raise
        except Exception as error:  # whatever it is: it would come again, and stop the flows of all other events
            unfit = Unfit(record, f"{type(error).__name__}: {error}")
            RECORDS_SET_ASIDE.labels(EVENTS).inc(self._dead_letters.add(record.partition, [unfit]))

    def _erase(self, buyer_id: str) -> None:
        """An erasure is never left out: while the keys, or the list of the erased, can't be written, it is tried
        again."""
        try:
            self._vault.erase(buyer_id)
        except (BuystreamError, OSError) as error:
            raise LogUnavailable(f"{buyer_id} can't be erased yet: {error}") from error
