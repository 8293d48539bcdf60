"""A log in memory on which every command is decided at once, as a shop's owners would; and a small rush on it."""

import random

from buystream.aggregates.partition import Partition
from buystream.consumers.answering import decide_batch
from buystream.log import COMMANDS, EVENTS, Message, Record
from buystream.vocabulary import codec, commands
from buystream.vocabulary.ids import payment_id_of
from tests.support.examples import EDITION, PRICE_MINOR, T0, example, order_id
from tests.support.memory_log import MemoryLog
from tests.support.records import command_message
from tests.support.steps import release

ALL = 1_000_000
SHOP = "sh-0123456789abcdef"
BUYERS = [f"by0-{number:020d}" for number in range(1, 41)]


class DecidedLog:
    """Is what `tests.support.histories` calls an author. With a `shop_id`, the shop is opened first."""

    def __init__(self, *, partitions: int = 1, shop_id: str = "") -> None:
        self.at_ms = T0
        self.log = MemoryLog(partitions=partitions, stamp=lambda: self.at_ms)
        self.partitions = [Partition(number) for number in range(partitions)]
        self._source = codec.source_of(shop_id) if shop_id else codec.SOURCE
        if shop_id:
            self.write(commands.OpenShop(shop_id=shop_id))

    @property
    def partition(self) -> Partition:
        """The first one."""
        return self.partitions[0]

    def write(self, *asked: commands.Command, at_ms: int | None = None, partition: int = 0) -> None:
        """Decide these at that time, or at the last one."""
        self.at_ms = self.at_ms if at_ms is None else at_ms
        for one in asked:
            self.decide(command_message(one, command_id=f"c{self.log.end(COMMANDS, partition)}"), partition=partition)

    def decide(self, *messages: Message, partition: int = 0) -> None:
        """Decide what may be no command at all."""
        for one in messages:
            position = self.log.append(COMMANDS, partition, [one])
            records = self.log.read(COMMANDS, partition, position)
            for topic, answer in decide_batch(self.partitions[partition], records, source=self._source).items():
                self.log.append(topic, partition, answer)

    def events(self) -> list[Record]:
        """Of the first partition."""
        return self.log.read(EVENTS, 0, 0, ALL)


class Rush:
    """Buyers tap, some pay, some don't, holds run out; the same for the same seed."""

    def __init__(
        self, seed: int, *, taps: int = 60, edition_id: str = EDITION, book: DecidedLog | None = None, **terms: object
    ) -> None:
        self.book = DecidedLog() if book is None else book
        self.random = random.Random(seed)
        self.edition_id = edition_id
        usual: dict[str, object] = {"stock": 12, "limit_per_buyer": 4, "hold_seconds": 60, "opens_at_ms": T0}
        self.book.write(release(edition_id=edition_id, **usual | terms))
        self._paying: list[tuple[int, str, str]] = []
        for number in range(1, taps + 1):
            self._pass(self.random.choice((0, 10, 500, 5_000)))
            self.tap(number, self.random.choice(BUYERS), self.random.choice((1, 1, 2, 3, 4)))
        self._pass(200_000)
        self._pass(200_000)

    def tap(self, number: int, buyer_id: str, quantity: int) -> None:
        """Somebody orders, and perhaps pays later."""
        named = order_id(number, self.edition_id)
        tapped = example(
            commands.PlaceOrder,
            order_id=named, edition_id=self.edition_id, buyer_id=buyer_id, quantity=quantity, price_minor=PRICE_MINOR,
        )  # fmt: skip
        self.book.write(tapped)
        order = self.book.partition.state.editions[self.edition_id].orders[named]
        if order.state == "held" and self.random.random() < 0.7:
            self._paying.append((self.book.at_ms + self.random.choice((1_000, 20_000, 50_000)), named, buyer_id))

    def _pass(self, duration_ms: int) -> None:
        """Time passes: those who pay do, and a Tick comes."""
        until_ms = self.book.at_ms + duration_ms
        for paid_at_ms, named, buyer_id in sorted(one for one in self._paying if one[0] <= until_ms):
            self.book.write(example(commands.RequestPayment, order_id=named, buyer_id=buyer_id), at_ms=paid_at_ms)
            payment_id = payment_id_of(named, 1)
            total_minor = self.book.partition.state.editions[self.edition_id].orders[named].goods_minor
            self.book.write(example(commands.RecordAuthorisation, payment_id=payment_id))
            self.book.write(example(commands.RecordCapture, payment_id=payment_id, amount_minor=total_minor))
        self._paying = [one for one in self._paying if one[0] > until_ms]
        self.book.write(commands.Tick(), at_ms=until_ms)
