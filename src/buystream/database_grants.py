"""What a shop has in PostgreSQL besides its views: which tables there are, and which of them each role may touch.
A role that starts checks both; `buystream.database_users` makes a PostgreSQL user for each (docs/decisions/0028)."""

import logging
import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Final, NamedTuple

from psycopg2.extensions import cursor

from buystream import secret_versions, vault
from buystream.consumers.notifications import tables as mail
from buystream.consumers.search import tables as search
from buystream.consumers.webhooks import tables as webhooks
from buystream.database import DatabaseUnavailable, connect, transaction
from buystream.delivery import policy as delivery
from buystream.gateway.server import (
    desk_sessions,
    fingerprints,
    key_uses,
    media_cleaning,
    passkey_tables,
    session_tables,
)
from buystream.log import postgres as postgres_log
from buystream.projections import live_rates
from buystream.projections.engine import builds, snapshots
from buystream.providers import sandbox
from buystream.settings import Settings
from buystream.tables import Tables, TablesMissing
from buystream.transparency import tables as tlog

PARTS: Final = (
    postgres_log.TABLES,
    secret_versions.TABLES,
    vault.TABLES,
    session_tables.TABLES,
    key_uses.TABLES,
    media_cleaning.TABLES,
    desk_sessions.TABLES,
    passkey_tables.TABLES,
    fingerprints.TABLES,
    sandbox.TABLES,
    delivery.TABLES,
    builds.TABLES,
    snapshots.TABLES,
    live_rates.TABLES,
    tlog.TABLES,
    mail.TABLES,
    webhooks.TABLES,
    search.TABLES,
)

_CHECKS_THE_SECRET: Final = {"vault.secret_version": "SELECT (version, fingerprint, made_at)"}
"""Not the sealed root: a role with these rights can tell that its secret key is the shop's, and open nothing."""

_OPENS_THE_ROOT: Final = {"vault.secret_version": "SELECT"}

_APPENDS: Final = {
    "log.partition": "SELECT, UPDATE (next_position)",
    "log.record": "SELECT, INSERT",
    "log.moved": "SELECT",
}

_READS_THE_TLOG: Final = {
    **dict.fromkeys(("tlog.tree", "tlog.key", "tlog.tile", "tlog.bundle", "tlog.run", "tlog.checkpoint"), "SELECT"),
}

GRANTS: Final[Mapping[str, Mapping[str, str]]] = {
    "gateway": {
        **_APPENDS,
        **_OPENS_THE_ROOT,
        "vault.buyer_key": "SELECT, INSERT, DELETE",
        "vault.erased_buyer": "SELECT, INSERT",
        "gateway.spent_host_token": "SELECT, INSERT, DELETE",
        "gateway.ended_session": "SELECT, INSERT, UPDATE, DELETE",
        "gateway.idempotency_key": "SELECT, INSERT, DELETE",
        "gateway.api_key_use": "SELECT, INSERT, UPDATE",
        "gateway.media_upload": "SELECT, INSERT, DELETE",
        "gateway.media_removed": "SELECT, INSERT",
        "gateway.member_address": "SELECT, INSERT, DELETE",
        "gateway.desk_session": "SELECT, INSERT, UPDATE, DELETE",
        "gateway.passkey_use": "SELECT, INSERT, UPDATE",
        "passing.fingerprint_key": "SELECT, INSERT, DELETE",
        "sandbox.payment": "SELECT, UPDATE (state, late_at_ms)",
        "views.*": "SELECT",
        "live.windows": "SELECT",
        "live.progress": "SELECT",
        "mail.outbox": "SELECT, INSERT",
        "mail.unsubscribed": "SELECT, INSERT",
        "search.orders": "SELECT",
        "search.words": "SELECT",
        "consumer.checkpoint": "SELECT",
        "webhooks.endpoint": "SELECT, INSERT, UPDATE, DELETE",
        "webhooks.signing_key": "SELECT, INSERT, UPDATE, DELETE",
        "webhooks.delivery": "SELECT, INSERT, UPDATE (state, is_repeat, next_at_ms, tries, first_at_ms)",
        **_READS_THE_TLOG,
    },
    "decider": {
        **_APPENDS,
        **_CHECKS_THE_SECRET,
        "log.partition": "SELECT, UPDATE (next_position, epoch)",
        "snapshots.taken": "SELECT, DELETE",
        "snapshots.chunk": "SELECT",
    },
    "projector": {
        **_APPENDS,
        **_CHECKS_THE_SECRET,
        "snapshots.taken": "SELECT, INSERT, UPDATE, DELETE",
        "snapshots.chunk": "SELECT, INSERT, DELETE",
    },
    "payments": {
        **_APPENDS,
        **_OPENS_THE_ROOT,
        "vault.buyer_key": "SELECT, INSERT, DELETE",
        "vault.erased_buyer": "SELECT, INSERT",
        "consumer.checkpoint": "SELECT, INSERT, UPDATE",
        "consumer.set_aside": "SELECT, INSERT, UPDATE, DELETE",
        "sandbox.payment": "SELECT, INSERT, UPDATE",
        "sandbox.refund": "SELECT, INSERT",
        "sandbox.later": "SELECT, INSERT, UPDATE",
    },
    "notary": {
        **_OPENS_THE_ROOT,
        "log.partition": "SELECT",
        "log.record": "SELECT",
        "log.moved": "SELECT",
        "tlog.tree": "SELECT, INSERT, UPDATE (size)",
        "tlog.key": "SELECT",
        "tlog.place": "SELECT, INSERT, UPDATE",
        "tlog.tile": "SELECT, INSERT, UPDATE",
        "tlog.bundle": "SELECT, INSERT, UPDATE",
        "tlog.run": "SELECT, INSERT",
        "tlog.checkpoint": "SELECT, INSERT, UPDATE (note, is_published)",
        "tlog.forgotten": "SELECT, INSERT, UPDATE (next_bundle)",
    },
    "notifications": {
        **_OPENS_THE_ROOT,
        "log.partition": "SELECT",
        "log.record": "SELECT",
        "log.moved": "SELECT",
        "vault.buyer_key": "SELECT",
        "vault.erased_buyer": "SELECT",
        "views.*": "SELECT",
        "consumer.checkpoint": "SELECT, INSERT, UPDATE",
        "mail.outbox": "SELECT, INSERT, UPDATE, DELETE",
        "mail.suppressed": "SELECT, INSERT",
        "mail.unsubscribed": "SELECT",
        "mail.known_address": "SELECT, INSERT, DELETE",
        "gateway.member_address": "SELECT",
    },
    "webhooks": {
        **_OPENS_THE_ROOT,
        "log.partition": "SELECT",
        "log.record": "SELECT",
        "log.moved": "SELECT",
        "consumer.checkpoint": "SELECT, INSERT, UPDATE",
        "webhooks.edition": "SELECT, INSERT",
        "webhooks.endpoint": (
            "SELECT, UPDATE (next_number, failures, failing_since_ms, rests_until_ms, warned_at_ms, disabled_why,"
            " disabled_at_ms)"
        ),
        "webhooks.signing_key": "SELECT",
        "mail.outbox": "INSERT",
        "webhooks.delivery": "SELECT, INSERT, UPDATE, DELETE",
    },
    "search": {
        **_OPENS_THE_ROOT,
        "log.partition": "SELECT",
        "log.record": "SELECT",
        "log.moved": "SELECT",
        "vault.buyer_key": "SELECT",
        "vault.erased_buyer": "SELECT",
        "views.*": "SELECT",
        "consumer.checkpoint": "SELECT, INSERT, UPDATE",
        "search.form": "SELECT, INSERT, TRUNCATE",
        "search.orders": "SELECT, INSERT, UPDATE, TRUNCATE",
        "search.words": "SELECT, INSERT, DELETE, TRUNCATE",
        "search.erased": "SELECT, INSERT, TRUNCATE",
    },
    "feeds": _CHECKS_THE_SECRET,
    "live": {
        **_CHECKS_THE_SECRET,
        "live.windows": "SELECT, INSERT, UPDATE, DELETE",
        "live.progress": "SELECT, INSERT, UPDATE",
    },
}
"""What each role does in which table, views aside: all of those belong to the projector's user, which makes them.
`views.*` is every view, those to come as well."""

VIEWS_OWNER: Final = "projector"
"""It creates a schema for each build of a view, and drops it."""

EVERY_TABLE: Final = "*"

_PRIVILEGE: Final = re.compile(r"(\w+)(?: \(([^)]+)\))?")

_LACKING: Final = """
    SELECT wanted.privilege || ' on ' || nspname || '.' || relname
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) AS wanted (schema, name, column_name, privilege)
        JOIN pg_namespace AS n ON nspname = wanted.schema
        JOIN pg_class AS c ON relnamespace = n.oid AND relkind IN ('r', 'v') AND wanted.name IN (relname, '*')
        LEFT JOIN pg_attribute AS a ON attrelid = c.oid AND attname = wanted.column_name
    WHERE NOT has_schema_privilege(n.oid, 'USAGE') OR NOT CASE wanted.column_name
        WHEN '' THEN has_table_privilege(c.oid, wanted.privilege)
        ELSE has_column_privilege(c.oid, a.attnum, wanted.privilege) END
    ORDER BY 1 LIMIT 1"""
_LACKING_FOR_VIEWS: Final = """
    SELECT 'CREATE on the database' WHERE NOT has_database_privilege(current_database(), 'CREATE')
    UNION ALL
    SELECT 'ownership of the schema views' FROM pg_namespace
    WHERE nspname = 'views' AND NOT pg_has_role(nspowner, 'MEMBER')
    LIMIT 1"""

logger = logging.getLogger(__name__)


class Right(NamedTuple):
    """A privilege on a table, or on one of its columns."""

    schema: str
    table: str
    column: str
    privilege: str


def parts_used(settings: Settings) -> list[Tables]:
    """The tables of this shop: the log may be on Kafka, which `live` needs, and payments may go to Stripe."""
    return [part for part in PARTS if all(_is_used(schema, settings) for schema in part.schemas)]


def rights_of(role: str, settings: Settings) -> list[Right]:
    """What the role needs to work."""
    rights: list[Right] = []
    for name, granted in GRANTS[role].items():
        schema, _, table = name.partition(".")
        if _is_used(schema, settings):
            for privilege, columns in _PRIVILEGE.findall(granted):
                rights += [Right(schema, table, column, privilege) for column in columns.split(", ")]
    return rights


def prepare(settings: Settings, dsn: str, role: str) -> None:
    """Create the tables that the role needs and are missing. Raises TablesMissing when this user may not, or may not
    use them. While PostgreSQL is away nothing can be checked: what needs it then fails for itself."""
    try:
        conn = connect(dsn, "tables")
    except DatabaseUnavailable as error:
        logger.warning("the tables can't be checked now: %s", error)
        return
    rights = rights_of(role, settings)
    used = {(right.schema, right.table) for right in rights}
    with closing(conn), transaction(conn) as cur:
        for part in parts_used(settings):
            named = {(schema, table) for schema, _, table in (name.partition(".") for name in part.tables)}
            everything = {(schema, EVERY_TABLE) for schema in part.schemas}
            if used & (named | everything) or (role == VIEWS_OWNER and part is builds.TABLES):
                part.ensure(cur)
        if lacking := _lacking(cur, role, rights):
            raise TablesMissing(
                f"{conn.info.user} lacks {lacking}: run 'buystream database apply --roles' as the database's owner"
            )


def _lacking(cur: cursor, role: str, rights: Sequence[Right]) -> str:
    """The first right that this user lacks, or nothing."""
    cur.execute(_LACKING, tuple(list(column) for column in zip(*rights, strict=True)))
    row = cur.fetchone()
    if row is None and role == VIEWS_OWNER:
        cur.execute(_LACKING_FOR_VIEWS)
        row = cur.fetchone()
    return str(row[0]) if row else ""


def _is_used(schema: str, settings: Settings) -> bool:
    match schema:
        case "log":
            return not settings.is_on_kafka
        case "live":
            return settings.is_on_kafka
        case "sandbox":
            return not settings.takes_real_money
        case _:
            return True
