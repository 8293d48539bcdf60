"""Parts create their tables once, and tell a user who may not what to run."""

import re
from contextlib import closing

import psycopg2
import pytest
from psycopg2.extensions import make_dsn

from buystream.database_grants import GRANTS, PARTS, parts_used
from buystream.settings import Settings
from buystream.tables import STATEMENT, Tables, TablesMissing
from tests.support.postgres import run_sql

SQL = """
    CREATE SCHEMA IF NOT EXISTS attic;
    DROP TABLE IF EXISTS attic.older;
    CREATE TABLE IF NOT EXISTS attic.box (number integer PRIMARY KEY);
    ALTER TABLE attic.box ADD COLUMN IF NOT EXISTS label text;
    CREATE UNIQUE INDEX IF NOT EXISTS one_label ON attic.box (label);
    CREATE INDEX IF NOT EXISTS by_label ON attic.box (label)"""
ATTIC = Tables("attic", SQL)
EVERYTHING = [
    "schema attic",
    "table attic.box",
    "column attic.box.label",
    "index attic.one_label",
    "index attic.by_label",
]


def ensured(dsn: str, part: Tables = ATTIC) -> list[str]:
    with closing(psycopg2.connect(dsn)) as conn, conn, conn.cursor() as cur:
        return part.ensure(cur)


@pytest.mark.parametrize("part", [*PARTS, ATTIC], ids=lambda part: ",".join(part.tables))
def test_each_statement_says_what_must_be_there(part: Tables) -> None:
    statements = [one.strip() for one in re.sub(r"--.*", "", part._sql).split(";") if one.strip()]
    assert statements
    assert [one for one in statements if not STATEMENT.match(one)] == []


def test_what_is_missing_is_created_once(database_url: str) -> None:
    assert ensured(database_url) == EVERYTHING
    assert ensured(database_url) == []


@pytest.mark.parametrize(
    ("undone", "expected"),
    [
        ("DROP INDEX attic.by_label", ["index attic.by_label"]),
        ("ALTER TABLE attic.box DROP COLUMN label", EVERYTHING[2:]),
        ("DROP TABLE attic.box", EVERYTHING[1:]),
        ("CREATE TABLE attic.older ()", ["the removal of table attic.older"]),
    ],
)
def test_what_an_older_version_left_is_completed(undone: str, expected: list[str], database_url: str) -> None:
    ensured(database_url)
    run_sql(database_url, undone)
    assert ensured(database_url) == expected
    assert ensured(database_url) == []


def test_a_user_who_may_not_create_learns_what_to_run(database_url: str) -> None:
    database = run_sql(database_url, "SELECT current_database()")[0][0]
    user = f"{database}_nobody"
    run_sql(database_url, f"CREATE ROLE {user} LOGIN PASSWORD 'nobody'")
    nobody = make_dsn(database_url, user=user, password="nobody")
    with pytest.raises(
        TablesMissing, match=rf"lacks schema attic, and {user} may not create it: run 'buystream database"
    ):
        ensured(nobody)
    ensured(database_url)
    assert ensured(nobody) == []
    run_sql(database_url, "DROP INDEX attic.by_label")
    with pytest.raises(TablesMissing, match=r"lacks index attic\.by_label"):
        ensured(nobody)


def test_every_right_is_about_a_table_that_a_part_creates() -> None:
    tables = {table for part in PARTS for table in part.tables}
    named = {table for granted in GRANTS.values() for table in granted if not table.endswith(".*")}
    assert named - tables == set()


def test_every_table_is_used_by_a_role() -> None:
    named = {table for granted in GRANTS.values() for table in granted}
    of_the_projector = {"views.build", "views.position"}
    assert {table for part in PARTS for table in part.tables} - named == of_the_projector


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        (Settings(), {"live"}),
        (Settings(kafka_bootstrap="here:1"), {"log"}),
        (Settings(stripe_secret_key="sk_test_x"), {"live", "sandbox"}),
    ],
)
def test_a_shop_has_the_tables_of_what_it_uses(settings: Settings, missing: set[str]) -> None:
    schemas = {schema for part in PARTS for schema in part.schemas}
    assert schemas - {schema for part in parts_used(settings) for schema in part.schemas} == missing
