"""The events that receipts are about, as their records are on the log. Read from the view of the history where there is
one, otherwise from the log, which is in this database then."""

from typing import Final

from psycopg2.extensions import cursor

from buystream.vocabulary import codec, events

_SOLD_OUT: Final = codec.type_name(events.EditionSoldOut)


def decision_on(cur: cursor, order_id: str) -> bytes | None:
    """The first event of the order: that it was placed, or refused. None while there is none."""
    return _record(
        cur,
        of_history="SELECT state FROM views.history WHERE originator_id = %s AND originator_version = 1",
        of_log="""SELECT value FROM log.record
                  WHERE topic = 'buystream.events' AND subject = %s AND aggregate_version = 1""",
        parameters=(order_id,),
    )


def last_sold_out(cur: cursor, edition_id: str) -> bytes | None:
    """That the edition was sold out, the last time. None if it never was."""
    return _record(
        cur,
        of_history="""SELECT state FROM views.history WHERE originator_id = %s AND type = %s
                      ORDER BY originator_version DESC LIMIT 1""",
        of_log="""SELECT value FROM log.record WHERE topic = 'buystream.events' AND subject = %s AND type = %s
                  ORDER BY aggregate_version DESC LIMIT 1""",
        parameters=(edition_id, _SOLD_OUT),
    )


def _record(cur: cursor, *, of_history: str, of_log: str, parameters: tuple[str, ...]) -> bytes | None:
    cur.execute("SELECT to_regclass('views.history') IS NOT NULL")
    cur.execute(of_history if cur.fetchone() == (True,) else of_log, parameters)
    row = cur.fetchone()
    return bytes(row[0]) if row else None
