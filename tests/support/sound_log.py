"""A log with all that an audit looks at, where nothing is wrong."""

from functools import cache

from buystream.log import EVENTS, Message
from buystream.vocabulary import commands
from buystream.vocabulary.codes import CodeTerms
from buystream.vocabulary.examples.story import CODE_KEY
from tests.support.decided_log import SHOP, DecidedLog, Rush
from tests.support.examples import MERCHANT, example
from tests.support.memory_log import MemoryLog
from tests.support.records import command_message
from tests.support.steps import place, release


def sound_log(shop_id: str = SHOP) -> MemoryLog:
    """A rush, receipts, a refund, what can't be read, and a flow into the second partition. Nothing is wrong. Each is
    the caller's own, to be damaged."""
    made = _written(shop_id)
    own = MemoryLog(partitions=made.partitions, stamp=made.stamp)
    own._records = {place: list(records) for place, records in made._records.items()}
    return own


@cache
def _written(shop_id: str) -> MemoryLog:
    book = DecidedLog(partitions=2, shop_id=shop_id)
    book.write(example(commands.RegisterMerchant))
    Rush(3, taps=25, book=book, receipts=True)
    sold = [order for order in book.partition.state.editions["ed0-c0ncert000"].orders.values() if order.served]
    for order in sold[:3]:
        book.write(
            example(commands.IssueReceipt, order_id=order.id, amount_minor=order.goods_minor, paid_at_ms=book.at_ms)
        )
    refund_id = "refund-1"
    book.write(example(commands.RefundOrder, order_id=sold[0].id, refund_id=refund_id))
    paid = {"payment_id": f"{sold[0].id}.1", "refund_id": refund_id, "amount_minor": sold[0].goods_minor}
    book.write(example(commands.RecordRefund, **paid))
    _use_a_code_once(book)
    book.decide(Message(b"not a command", "somebody's"))
    book.write(commands.Tick(), commands.Tick())
    last = book.log.end(EVENTS, 0) - 1
    other = example(commands.RequestTerms, merchant_id="me1-n1ghtsky00")
    book.decide(command_message(other, command_id=f"0-{last}:0"), partition=1)
    return book.log


def _use_a_code_once(book: DecidedLog) -> None:
    """Two orders want a code that one may use."""
    edition_id = "ed0-c0des00000"
    terms = CodeTerms(label="Friends", share_bps=2_000, uses_max=1)
    book.write(
        release(edition_id=edition_id, closes_at_ms=None),
        commands.CreateCode(edition_id=edition_id, merchant_id=MERCHANT, code_id="friends", terms=terms, key=CODE_KEY),
        *(place(number, edition_id=edition_id, code=CODE_KEY) for number in (1, 2)),
    )
