"""An order's story: everything that happened to it and its payments, with who asked for it, from the log itself."""

from msgspec import Struct
from psycopg2.extensions import cursor

from buystream.projections.past_orders import Streams
from buystream.vocabulary.codec import read_event, read_head
from buystream.vocabulary.events import Event


class StoryEvent(Struct, frozen=True):
    """An event, and its actor as the log has it."""

    event: Event
    actor: str


def story(cur: cursor, streams: Streams, order_id: str) -> list[StoryEvent]:
    """In the order in which it happened; empty for an order that nobody placed."""
    table, stream, value, only = streams
    cur.execute(
        f"""SELECT {value} FROM {table} WHERE {only}
                AND {stream} >= %(order)s COLLATE "C" AND {stream} < (%(order)s || '/') COLLATE "C"
            ORDER BY edition_version""",
        {"order": order_id},
    )
    records = [bytes(encoded) for (encoded,) in cur]
    return [StoryEvent(read_event(record), read_head(record).actor) for record in records]
