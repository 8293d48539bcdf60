"""The owner of a partition: commits in one transaction, and fences every earlier owner."""

from collections.abc import Mapping, Sequence

from buystream.database import connect, transaction
from buystream.log import EVENTS, Fenced, Message
from buystream.log.postgres.rows import copy, in_the_logs_words, one, reserve


class PostgresOwner:
    """Implements `buystream.log.Owner`: each commit checks, under the partition's row lock, that the epoch is ours."""

    def __init__(self, dsn: str, partition: int) -> None:
        self._partition = partition
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
        with in_the_logs_words(), transaction(self._connection) as cur:
            for topic, messages in {EVENTS: (), **batches}.items():  # the epoch is kept with the events
                reserved = reserve(cur, topic, self._partition, len(messages))
                # Before the events, which may well break a constraint if a newer owner has written some.
                if topic == EVENTS and reserved.epoch != self.epoch:
                    raise Fenced(
                        f"partition {self._partition} has a newer owner: epoch {reserved.epoch}, ours is {self.epoch}"
                    )
                copy(cur, topic, self._partition, messages, reserved)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
