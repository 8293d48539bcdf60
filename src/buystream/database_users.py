"""What `buystream database apply` does as the owner of the database: the tables, and a PostgreSQL user for each role of
the shop, with the rights that it needs and no other. Run again, it changes only what an older version did otherwise."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from importlib.resources import files
from typing import Final, NamedTuple

from psycopg2 import sql
from psycopg2.extensions import connection, cursor, encrypt_password, make_dsn

from buystream.database import DatabaseUnavailable, connect, connected, transaction
from buystream.database_grants import EVERY_TABLE, GRANTS, VIEWS_OWNER, parts_used, rights_of
from buystream.errors import BuystreamError
from buystream.host.secret_file import secret_of
from buystream.log.postgres import PostgresLog
from buystream.secret_versions import open_root, versions
from buystream.settings import Settings
from buystream.variables import BadSetting

NAME_BYTES_MAX: Final = 63
"""Of a name in PostgreSQL, which cuts off the rest."""

_RELATIONS: Final = """
    SELECT nspname, relname FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace WHERE relkind IN ('r', 'v')"""
_GRANTED: Final = """
    SELECT pg_get_userbyid(grantee), kind, schema, name, column_name, privilege_type FROM (
        SELECT 'DATABASE' AS kind, '' AS schema, datname AS name, '' AS column_name, datdba AS owner,
            (aclexplode(datacl)).*
        FROM pg_database WHERE datname = current_database()
        UNION ALL
        SELECT 'SCHEMA', nspname, '', '', nspowner, (aclexplode(nspacl)).* FROM pg_namespace
        UNION ALL
        SELECT 'TABLE', nspname, relname, '', relowner, (aclexplode(relacl)).*
        FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace WHERE relkind IN ('r', 'v')
        UNION ALL
        SELECT 'TABLE', nspname, relname, attname, relowner, (aclexplode(attacl)).*
        FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid JOIN pg_namespace AS n ON n.oid = relnamespace
        WHERE NOT attisdropped
        UNION ALL
        SELECT 'FUTURE', nspname, '', '', defaclrole, (aclexplode(defaclacl)).*
        FROM pg_default_acl JOIN pg_namespace AS n ON n.oid = defaclnamespace WHERE defaclobjtype = 'r'
    ) AS granted
    WHERE pg_get_userbyid(grantee) = ANY(%s) AND grantee <> owner"""
_NOT_OWNED: Final = """
    WITH kept (schema) AS (
        SELECT 'views' UNION ALL SELECT projection || '_' || number FROM views.build
    )
    SELECT nspname, '' FROM pg_namespace JOIN kept ON nspname = schema WHERE pg_get_userbyid(nspowner) <> %(owner)s
    UNION ALL
    SELECT nspname, relname FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace JOIN kept ON nspname = schema
    WHERE relkind IN ('r', 'v') AND pg_get_userbyid(relowner) <> %(owner)s
    ORDER BY 1, 2"""


class Grant(NamedTuple):
    """Something that a user may do. `kind` is DATABASE, SCHEMA, TABLE or FUTURE: tables of the schema to come."""

    user: str
    kind: str
    schema: str
    name: str
    column: str
    privilege: str

    def statement(self, verb: str, projector: str) -> sql.Composed:
        """GRANT or REVOKE it."""
        way = sql.SQL("TO" if verb == "GRANT" else "FROM")
        what: sql.Composable = sql.SQL(self.privilege)
        if self.column:
            what = sql.SQL("{} ({})").format(what, sql.Identifier(self.column))
        match self.kind:
            case "DATABASE":
                on: sql.Composable = sql.SQL("DATABASE {}").format(sql.Identifier(self.name))
            case "SCHEMA":
                on = sql.SQL("SCHEMA {}").format(sql.Identifier(self.schema))
            case "TABLE":
                on = sql.Identifier(self.schema, self.name)
            case _:
                on = sql.SQL("TABLES")
        statement = sql.SQL("{} {} ON {} {} {}").format(sql.SQL(verb), what, on, way, sql.Identifier(self.user))
        if self.kind != "FUTURE":
            return statement
        return sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA {} {}").format(
            sql.Identifier(projector), sql.Identifier(self.schema), statement
        )


def apply(settings: Settings, dsn: str, *, with_users: bool) -> list[str]:
    """Make what is missing; one line for each thing that was made or changed. Raises TablesMissing, WrongSecret,
    BadSetting, and DatabaseRefused with what this user may not do."""
    if unknown := sorted(set(settings.database_passwords) - set(GRANTS)):
        raise BadSetting(f"BUYSTREAM_DATABASE_PASSWORDS names {unknown[0]}; the roles are {', '.join(GRANTS)}")
    with connected(dsn, "database") as conn:
        with transaction(conn) as cur:
            made = [thing for part in parts_used(settings) for thing in part.ensure(cur)]
        made += _fill(settings, dsn, conn)
        if with_users:
            with transaction(conn) as cur:
                cur.execute("SELECT pg_advisory_xact_lock(hashtext('buystream database users'))")
                made += _apply_users(settings, dsn, cur)
    return made


def _fill(settings: Settings, dsn: str, conn: connection) -> Iterator[str]:
    """What stands in the tables from the beginning: the log's partitions, and the root secret."""
    if not settings.is_on_kafka:
        before = _partitions(conn)
        with closing(PostgresLog(dsn, partitions=settings.partitions)) as log:
            if log.partitions != before:
                yield f"partitions {before} to {log.partitions - 1} of the log"
    is_first = not versions(dsn)
    open_root(dsn, secret_of(settings))
    if is_first:
        yield "the root secret, opened by BUYSTREAM_SECRET_KEY"


def _partitions(conn: connection) -> int:
    with transaction(conn) as cur:
        cur.execute("SELECT count(DISTINCT partition) FROM log.partition")
        (count,) = cur.fetchone() or (0,)
        return int(count)


def _apply_users(settings: Settings, dsn: str, cur: cursor) -> Iterator[str]:
    database = str(_one(cur, "SELECT current_database()"))
    users = {role: f"{database}_{role}" for role in GRANTS}
    projector = users[VIEWS_OWNER]
    if too_long := [user for user in users.values() if len(user.encode()) > NAME_BYTES_MAX]:
        raise BuystreamError(f"{too_long[0]} is too long for a user's name: use a database with a shorter name")
    yield from _create_missing(cur, users.values())
    for role, password in settings.database_passwords.items():
        yield from _let_in(cur, dsn, users[role], password)
    # An owner of schemas must be one that may create them.
    yield from _settle(cur, users.values(), _on_the_database(database, users), projector, kinds=("DATABASE",))
    yield from _give_views(cur, projector)
    wanted = {*_on_the_database(database, users), *_on_the_tables(settings, cur, users)}
    yield from _settle(cur, users.values(), wanted, projector, kinds=("DATABASE", "SCHEMA", "TABLE", "FUTURE"))
    if not settings.is_on_kafka:
        yield from _guard_events(cur)


def _create_missing(cur: cursor, users: Iterable[str]) -> Iterator[str]:
    cur.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", (list(users),))
    there = {name for (name,) in cur}
    for user in users:
        if user not in there:
            yield _run(cur, sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(user)))


def _let_in(cur: cursor, dsn: str, user: str, password: str) -> Iterator[str]:
    """Only a verifier of the password is sent, and nothing at all if the user gets in with it."""
    if _can_connect(dsn, user, password):
        return
    verifier = encrypt_password(password, user, scope=cur.connection, algorithm="scram-sha-256")
    cur.execute(sql.SQL("ALTER ROLE {} LOGIN PASSWORD %s").format(sql.Identifier(user)), (verifier,))
    yield f"the password of {user}"


def _can_connect(dsn: str, user: str, password: str) -> bool:
    try:
        connect(make_dsn(dsn, user=user, password=password), "database").close()
    except DatabaseUnavailable:
        return False
    return True


def _give_views(cur: cursor, projector: str) -> Iterator[str]:
    """Of what is there already, too. The owner of the database becomes a member, because it rebuilds views as well."""
    user = sql.Identifier(projector)
    if not _one(cur, "SELECT pg_has_role(%s, 'USAGE')", projector):
        yield _run(cur, sql.SQL("GRANT {} TO CURRENT_USER").format(user))
    cur.execute(_NOT_OWNED, {"owner": projector})
    for schema, name in cur.fetchall():
        what = (
            sql.SQL("TABLE {}").format(sql.Identifier(schema, name))
            if name
            else sql.SQL("SCHEMA {}").format(sql.Identifier(schema))
        )
        yield _run(cur, sql.SQL("ALTER {} OWNER TO {}").format(what, user))


def _on_the_database(database: str, users: Mapping[str, str]) -> set[Grant]:
    connecting = {Grant(user, "DATABASE", "", database, "", "CONNECT") for user in users.values()}
    return {*connecting, Grant(users[VIEWS_OWNER], "DATABASE", "", database, "", "CREATE")}


def _on_the_tables(settings: Settings, cur: cursor, users: Mapping[str, str]) -> Iterator[Grant]:
    """On those that exist, and on views to come."""
    cur.execute(_RELATIONS)
    relations = cur.fetchall()
    for role, user in users.items():
        for right in rights_of(role, settings):
            is_every = right.table == EVERY_TABLE
            if is_every:
                yield Grant(user, "FUTURE", right.schema, "", "", right.privilege)
            for schema, name in relations:
                if schema == right.schema and (is_every or name == right.table):
                    yield Grant(user, "SCHEMA", schema, "", "", "USAGE")
                    yield Grant(user, "TABLE", schema, name, right.column, right.privilege)


def _guard_events(cur: cursor) -> Iterator[str]:
    """Also from those who may append commands, which no grant can tell apart."""
    count = (
        "SELECT count(*) FROM pg_trigger WHERE tgname IN ('only_deciders_write_events', 'only_deciders_move_events')"
    )
    if _one(cur, count) != 2:
        cur.execute((files("buystream.log") / "guard.sql").read_text())
        yield "triggers that let only deciders write events"


def _settle(
    cur: cursor, users: Iterable[str], wanted: set[Grant], projector: str, *, kinds: Sequence[str]
) -> Iterator[str]:
    """Exactly these rights of these kinds."""
    cur.execute(_GRANTED, (list(users),))
    granted = {grant for row in cur if (grant := Grant(*row)).kind in kinds}
    for grant in sorted(wanted - granted):
        yield _run(cur, grant.statement("GRANT", projector))
    for grant in sorted(granted - wanted):
        yield _run(cur, grant.statement("REVOKE", projector))


def _run(cur: cursor, statement: sql.Composed) -> str:
    """The statement, once it has worked."""
    cur.execute(statement)
    return statement.as_string(cur)


def _one(cur: cursor, statement: str, *values: object) -> object:
    cur.execute(statement, values or None)
    (found,) = cur.fetchone() or (None,)
    return found
