"""The notary on a real log and database: every event is a leaf once, and the tree that was published never changes."""

import logging
from pathlib import Path

import pytest

from buystream.consumers.notary import forgetting, notary
from buystream.consumers.notary.growing import Overtaken, load
from buystream.consumers.notary.publishing import signer_of
from buystream.consumers.notary.taking import take
from buystream.database import one_transaction
from buystream.delivery.sequence import EventSequence, head_of
from buystream.errors import BuystreamError
from buystream.log import EVENTS, Message
from buystream.log.postgres import PostgresLog
from buystream.transparency import tables
from buystream.transparency.leaves import opened_by
from buystream.transparency.merkle import leaf_hash
from buystream.transparency.notes import verified
from buystream.transparency.policies import read_policy
from buystream.transparency.verifying import verify
from buystream.vocabulary import commands
from buystream.vocabulary.values import SaleWindow
from tests.support import notarised
from tests.support.notarised import at_work, decided, events_of, notarise, notary_of
from tests.support.patience import wait_until
from tests.support.postgres import run_sql
from tests.support.steps import place, release
from tests.support.witness import LocalWitness, serving

HOT = "ed0-sn4psh0t00"
OTHER = "ed1-sn4psh0t00"


def sell(log: PostgresLog, orders: int, *, first: int = 0, edition_id: str = HOT) -> None:
    """An edition of twenty, and so many orders."""
    partition = int(edition_id[2])
    asked: list[commands.Command] = (
        [] if first else [release(edition_id=edition_id, stock=20, limit_per_buyer=10, window=SaleWindow())]
    )
    asked += [
        place(first + at, edition_id=edition_id, buyer_id=f"by{partition}-b{first + at:023d}") for at in range(orders)
    ]
    decided(log, partition, *asked)


def test_every_event_is_a_leaf_and_every_leaf_can_be_proved(postgres_log: PostgresLog, database_url: str) -> None:
    sell(postgres_log, 300)
    sell(postgres_log, 40, edition_id=OTHER)
    size = notarise(postgres_log, database_url)
    events = events_of(postgres_log)
    assert size == len(events) > 340
    notarised.check_served(database_url)
    _, checkpoint = notarised.published(database_url)
    proved = set()
    for record in events[::7]:
        proof = notarised.proof(database_url, record)
        assert proof is not None
        opening, entry = opened_by(proof.extra or b"")
        assert opening.record == record.value
        proof.check(entry, size=checkpoint.size, root=checkpoint.root)
        proved.add(proof.index)
    assert len(proved) == len(events[::7])


def test_the_tree_grows_in_steps_and_old_checkpoints_still_hold(postgres_log: PostgresLog, database_url: str) -> None:
    sell(postgres_log, 5)
    small = notarise(postgres_log, database_url)
    _, before = notarised.published(database_url)
    sell(postgres_log, 400, first=5)
    sell(postgres_log, 3, edition_id=OTHER)
    notarise(postgres_log, database_url)
    notarised.check_served(database_url)
    assert notarised.root_of_entries(notarised.entries(database_url, small)) == before.root
    first = events_of(postgres_log)[0]
    old, new = notarised.proof(database_url, first, of_size=small), notarised.proof(database_url, first)
    assert old is not None
    assert new is not None
    assert old.checkpoint.text == before.text != new.checkpoint.text
    assert notarised.proof(database_url, events_of(postgres_log)[300], of_size=small) is None


def test_two_notaries_never_fork_the_tree(postgres_log: PostgresLog, database_url: str) -> None:
    sell(postgres_log, 50)
    with at_work(*(notary_of(postgres_log, database_url) for _ in range(2))):
        for number in range(1, 5):
            sell(postgres_log, 100, first=number * 100)
        events = len(events_of(postgres_log))
        wait_until(lambda: notarised.published_size(database_url) == events)
    notarised.check_served(database_url)


def test_a_notary_that_was_overtaken_writes_nothing(postgres_log: PostgresLog, database_url: str) -> None:
    sell(postgres_log, 2)
    notarise(postgres_log, database_url)
    with one_transaction(database_url, "test") as cur:
        tree = tables.tree_of(cur)
        assert tree is not None
        late = load(cur, tree)
    sell(postgres_log, 2, first=2)
    notarise(postgres_log, database_url)
    record = events_of(postgres_log)[-1]
    with pytest.raises(Overtaken), one_transaction(database_url, "test") as cur:
        late.append(
            cur, take([record], EventSequence(postgres_log, "test", {0: None})), {0: record.position + 1}, frozenset()
        )
    notarised.check_served(database_url)


def test_what_no_owner_wrote_is_no_leaf(postgres_log: PostgresLog, database_url: str) -> None:
    sell(postgres_log, 2)
    events = len(events_of(postgres_log))
    postgres_log.append(EVENTS, 0, [Message(b"foreign")])
    assert notarise(postgres_log, database_url) == events
    notarised.check_served(database_url)


def test_an_unchanged_log_is_published_once(postgres_log: PostgresLog, database_url: str) -> None:
    sell(postgres_log, 2)
    notarise(postgres_log, database_url)
    notarise(postgres_log, database_url)
    size = notarised.size(database_url)
    assert run_sql(database_url, "SELECT count(*) FROM tlog.checkpoint WHERE size = %s", (size,)) == [(1,)]


def test_a_checkpoint_file_that_can_not_be_written_is_waited_for(
    postgres_log: PostgresLog, database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A full disk doesn't end the shop, and nothing is published that the file doesn't have."""
    file = tmp_path / "not made yet" / "checkpoint"
    sell(postgres_log, 2)
    with caplog.at_level(logging.WARNING), at_work(notary_of(postgres_log, database_url, file=file)):
        wait_until(lambda: any(f"{file} can't be written" in message for message in caplog.messages))
        assert notarised.published_size(database_url) == 0
        file.parent.mkdir()
        wait_until(lambda: notarised.published_size(database_url) > 0)
    assert file.exists()


def stops(log: PostgresLog, dsn: str, caplog: pytest.LogCaptureFixture, *, file: Path | None = None) -> str:
    """What a notary says that stops."""
    caplog.clear()
    with caplog.at_level(logging.CRITICAL), at_work(notary_of(log, dsn, file=file)):
        wait_until(lambda: bool(caplog.messages))
    return caplog.messages[0]


def test_an_older_tree_than_the_published_one_is_refused(
    postgres_log: PostgresLog, database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As after the restore of an older backup: the file outside the database knows better."""
    file = tmp_path / "checkpoint"
    sell(postgres_log, 5)
    notarise(postgres_log, database_url, file=file)
    run_sql(database_url, "CREATE TABLE backup AS SELECT * FROM tlog.place")
    sell(postgres_log, 300, first=5)
    size = notarise(postgres_log, database_url, file=file)
    for table in tables.TABLES.tables:
        run_sql(database_url, f"TRUNCATE {table}")
    assert f"but {file} has a checkpoint of {size}" in stops(postgres_log, database_url, caplog, file=file)
    with one_transaction(database_url, "test") as cur:
        with pytest.raises(BuystreamError, match="choose another"):
            notary.begin_anew(cur, notarised.ROOT, notarised.ORIGIN)
        notary.begin_anew(cur, notarised.ROOT, "shop.example/tlog-2")
    assert notarise(postgres_log, database_url, file=file) == size
    assert notarised.published(database_url)[1].origin == "shop.example/tlog-2"


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("UPDATE tlog.tile SET hashes = sha256('x') || substring(hashes FROM 33) WHERE level = 0", "are others than"),
        ("DELETE FROM tlog.tile WHERE number = 0 AND level = 0", "is damaged"),
        ("UPDATE tlog.checkpoint SET note = replace(note, E'\\n\\n', E'\\nmore\\n\\n')", "isn't ours"),
        ("UPDATE tlog.tree SET size = size - 1", "has a checkpoint of"),
        ("UPDATE tlog.tree SET vkey = 'another'", "with another secret"),
    ],
)
def test_a_tree_that_was_changed_is_not_signed(
    damage: str, reason: str, postgres_log: PostgresLog, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    sell(postgres_log, 5)
    notarise(postgres_log, database_url)
    published = notarised.published_size(database_url)
    run_sql(database_url, damage)
    sell(postgres_log, 5, first=5)
    assert reason in stops(postgres_log, database_url, caplog)
    assert notarised.published_size(database_url) == published


def erase(log: PostgresLog, buyer_id: str) -> None:
    decided(log, int(buyer_id[2]), commands.EraseBuyer(buyer_id=buyer_id))


def test_an_erased_buyers_leaves_stay_and_nobody_can_open_them(
    postgres_log: PostgresLog, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of their orders that don't name them, too."""
    monkeypatch.setattr(forgetting, "BUNDLES_AT_ONCE", 1)
    sell(postgres_log, 300)
    buyer_id = "by0-b" + "3".zfill(23)
    order_id = place(3, edition_id=HOT).order_id
    decided(postgres_log, 0, commands.CancelOrder(order_id=order_id, buyer_id=buyer_id))
    notarise(postgres_log, database_url)
    theirs = [record for record in events_of(postgres_log) if head_of(record).subject == order_id]
    assert [head_of(record).type for record in theirs] == ["buystream.OrderPlaced.v1", "buystream.OrderCancelled.v1"]
    others = [record for record in events_of(postgres_log) if record not in theirs]
    proofs = [notarised.proof(database_url, record) for record in theirs]
    assert None not in proofs
    before = notarised.entries(database_url, notarised.published_size(database_url))
    erase(postgres_log, buyer_id)
    notarise(postgres_log, database_url)
    wait_until(lambda: [notarised.proof(database_url, record) for record in theirs] == [None, None])
    assert all(notarised.proof(database_url, record) for record in others)
    notarised.check_served(database_url)
    assert notarised.entries(database_url, len(before)) == before
    assert run_sql(database_url, "SELECT * FROM tlog.forgotten WHERE next_bundle IS NOT NULL") == []
    kept = salts_of(database_url)
    assert [proof for proof in proofs if proof and (proof.extra or b"")[:16] in kept] == []


def salts_of(dsn: str) -> bytes:
    """Every salt that the shop keeps."""
    with one_transaction(dsn, "test") as cur:
        cur.execute("SELECT salts FROM tlog.bundle")
        return b"".join(bytes(salts) for (salts,) in cur)


def test_what_is_read_after_the_erasure_is_never_opened(postgres_log: PostgresLog, database_url: str) -> None:
    """Another partition's events may come later than the erasure does."""
    buyer_id = "by0-b" + "7".zfill(23)
    sell(postgres_log, 2)
    erase(postgres_log, buyer_id)
    notarise(postgres_log, database_url)
    decided(
        postgres_log,
        1,
        release(edition_id=OTHER, stock=20, limit_per_buyer=10, window=SaleWindow()),
        place(1, edition_id=OTHER, buyer_id=buyer_id),
        commands.CancelOrder(order_id=place(1, edition_id=OTHER).order_id, buyer_id=buyer_id),
    )
    notarise(postgres_log, database_url)
    theirs = [
        record for record in events_of(postgres_log) if head_of(record).subject == place(1, edition_id=OTHER).order_id
    ]
    assert len(theirs) == 2
    wait_until(lambda: [notarised.proof(database_url, record) for record in theirs] == [None, None])
    notarised.check_served(database_url)


def test_a_guess_of_an_event_cannot_be_confirmed_without_its_salt(postgres_log: PostgresLog, database_url: str) -> None:
    sell(postgres_log, 3)
    notarise(postgres_log, database_url)
    served = notarised.entries(database_url, notarised.size(database_url))
    for record in events_of(postgres_log):
        assert opened_by(bytes(16) + record.value)[1] not in served
        assert leaf_hash(record.value) not in {leaf_hash(entry) for entry in served}
    assert not any(b"by0-b" in entry or b"order" in entry for entry in served)


def test_a_checkpoint_without_its_quorum_of_witnesses_is_not_published(
    postgres_log: PostgresLog, database_url: str, tmp_path: Path
) -> None:
    """It is once the witness cosigns again, with all that came meanwhile."""
    file = tmp_path / "checkpoint"
    with serving(LocalWitness(signer_of(notarised.ROOT, notarised.ORIGIN).key)) as witness:
        policy = read_policy(f"witness W {witness.key} {witness.url}\nquorum W\n")
        sell(postgres_log, 3)
        first = notarise(postgres_log, database_url, file=file, policy=policy)
        witness.is_lying = True
        sell(postgres_log, 300, first=3)
        with at_work(notary_of(postgres_log, database_url, file=file, policy=policy)):
            wait_until(lambda: notarised.size(database_url) > first and witness.size > first)
            assert notarised.published_size(database_url) == first
            witness.is_lying = False
            wait_until(lambda: notarised.published_size(database_url) == notarised.size(database_url))
    note, checkpoint = notarised.published(database_url)
    assert verified(note, [witness.key]) == [witness.key]
    assert file.read_text() == str(note)
    proof = notarised.proof(database_url, events_of(postgres_log)[0])
    assert proof is not None
    ours = signer_of(notarised.ROOT, notarised.ORIGIN).key
    assert verify(proof, policy=read_policy(f"log {ours}\nwitness W {witness.key}\nquorum W\n")).signed_by == (
        ours.name,
        witness.key.name,
    )
    assert checkpoint.size == witness.size
