"""The owner of a partition: commits in one transaction, and fences every earlier owner."""

from collections.abc import Mapping, Sequence

from buystream.database import connect, terse_transaction, transaction
from buystream.log import EVENTS, Fenced, Message, Record
from buystream.log.postgres.listening import Listening
from buystream.log.postgres.recent import Recent
from buystream.log.postgres.rows import announce, copy, in_the_logs_words, one, reserve


class PostgresOwner:
    """Implements `buystream.log.Owner`: each commit checks, under the partition's row lock, that the epoch is ours."""

    def __init__(self, dsn: str, partition: int, recent: Recent, listening: Listening) -> None:
        self._partition = partition
        self._recent = recent
        self._listening = listening
        with in_the_logs_words():
            self._connection = connect(dsn, "log")
        with in_the_logs_words(), transaction(self._connection) as cur:
            cur.execute(
                "UPDATE log.partition SET epoch = epoch + 1 WHERE topic = %s AND partition = %s RETURNING epoch",
                (EVENTS, partition),
            )
            self.epoch = int(one(cur)[0])

    def commit(self, batches: Mapping[str, Sequence[Message]]) -> None:
        """All topics or none, durable on return."""
        # The epoch is kept with the events. They come first: they may well break a constraint if a newer owner has
        # written some.
        ordered = {EVENTS: batches.get(EVENTS, ()), **batches}
        written: list[list[Record]] = []
        with in_the_logs_words(), terse_transaction(self._connection) as cur:
            for topic, messages in ordered.items():
                reserved = reserve(cur, topic, self._partition, len(messages), begin=topic == EVENTS)
                if topic == EVENTS and reserved.epoch != self.epoch:
                    raise Fenced(
                        f"partition {self._partition} has a newer owner: epoch {reserved.epoch}, ours is {self.epoch}"
                    )
                if messages:
                    written.append(copy(cur, topic, self._partition, messages, reserved))
            with self._recent.committing(written):
                announce(cur, written, commit=True)
        self._listening.announce(written)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
