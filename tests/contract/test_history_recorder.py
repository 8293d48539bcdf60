"""Our recorder in the eventsourcing library's own suites, on a real PostgreSQL."""

from contextlib import closing
from uuid import uuid4

import psycopg2
import pytest
from eventsourcing.persistence import EventStore, IntegrityError, NotSupportedError, StoredEvent
from eventsourcing.tests.persistence import (
    AggregateRecorderTestCase,
    ApplicationRecorderTestCase,
    NonInterleavingNotificationIDsBaseCase,
)

from buystream.projections.engine.history import ApplicationHistory, History, LogHistory, StructMapper, TableHistory
from buystream.vocabulary import codec
from tests.support.examples import EVENTS
from tests.support.postgres import run_sql


@pytest.fixture(scope="module")
def history_url(module_database_url: str) -> str:
    """A database with the history's table: emptying it takes a tenth of what a database for each test would."""
    with closing(psycopg2.connect(module_database_url)) as conn, conn, conn.cursor() as cur:
        History().prepare(cur)
    return module_database_url


@pytest.fixture
def empty_history(history_url: str) -> str:
    """The same without events; notification ids begin at 1 again."""
    run_sql(history_url, "TRUNCATE history RESTART IDENTITY")
    return history_url


class OnPostgres:
    """Gives each test of a suite an empty history table, and string ids."""

    dsn = ""

    @pytest.fixture(autouse=True)
    def _empty_history(self, empty_history: str) -> None:
        self.dsn = empty_history

    def new_originator_id(self) -> str:
        return str(uuid4())


class TestAggregateRecorder(OnPostgres, AggregateRecorderTestCase):
    def create_recorder(self) -> TableHistory:
        return TableHistory(self.dsn, table="history")


class TestApplicationRecorder(OnPostgres, ApplicationRecorderTestCase[ApplicationHistory]):
    def create_recorder(self) -> ApplicationHistory:
        return ApplicationHistory(self.dsn, table="history")


class TestNumbersOfOneInsertStandTogether(OnPostgres, NonInterleavingNotificationIDsBaseCase):
    insert_num = 200

    def create_recorder(self) -> ApplicationHistory:
        return ApplicationHistory(self.dsn, table="history")


del AggregateRecorderTestCase, ApplicationRecorderTestCase, NonInterleavingNotificationIDsBaseCase


@pytest.mark.parametrize("event", EVENTS, ids=codec.name_of)
def test_every_event_comes_back_from_the_librarys_event_store(empty_history: str, event: object) -> None:
    store = EventStore(StructMapper(), TableHistory(empty_history, table="history"))
    store.put([event])  # type: ignore[list-item]
    stored = store.recorder.select_events(event.originator_id)  # type: ignore[attr-defined]
    assert [store.mapper.to_domain_event(one) for one in stored] == [event]
    with pytest.raises(IntegrityError):
        store.put([event])  # type: ignore[list-item]


def test_the_log_is_not_written_through_its_history(empty_history: str) -> None:
    with pytest.raises(NotSupportedError, match="owners of its partitions"):
        LogHistory(empty_history).insert_events([StoredEvent("x", 1, "topic", b"state")])
