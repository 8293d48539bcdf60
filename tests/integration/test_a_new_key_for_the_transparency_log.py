"""Another key signs the transparency log from some leaf on, and the one before it, too, for a while."""

import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from buystream.consumers.notary.export import export_into
from buystream.consumers.notary.notary import rotate_key
from buystream.database import one_transaction
from buystream.errors import BuystreamError
from buystream.log.postgres import PostgresLog
from buystream.transparency import tables
from buystream.transparency.notes import NotSigned, VerifierKey, read_key, verified
from buystream.transparency.policies import read_policy
from buystream.transparency.tables import KeyList, LogKey
from buystream.transparency.verifying import verify
from tests.support import notarised
from tests.support.notarised import ROOT, at_work, decided, events_of, notarise, notary_of
from tests.support.patience import patient, wait_until
from tests.support.steps import place, release
from tests.support.witness import LocalWitness, serving

HOT = "ed0-sn4psh0t00"


def sell(log: PostgresLog, orders: int, *, first: int = 0) -> None:
    """An edition, and so many orders."""
    asked = [] if first else [release(edition_id=HOT, stock=100, limit_per_buyer=10)]
    decided(log, 0, *asked, *(place(first + at, edition_id=HOT, buyer_id=f"by0-b{at:023d}") for at in range(orders)))


def rotated(dsn: str, *, overlap: int) -> tuple[LogKey, LogKey]:
    """The key until now, and the new one."""
    with one_transaction(dsn, "test") as cur:
        return rotate_key(cur, ROOT, overlap=overlap)


def keys(dsn: str) -> list[LogKey]:
    """All that the log ever had."""
    with one_transaction(dsn, "test") as cur:
        tree = tables.tree_of(cur)
        assert tree is not None
        return tables.keys_of(cur, tree)


def signers(dsn: str, *known: VerifierKey) -> list[VerifierKey]:
    """Which of these have signed the newest checkpoint."""
    return verified(notarised.published(dsn)[0], known)


def test_both_keys_sign_until_the_overlap_ends_and_old_receipts_stay(
    postgres_log: PostgresLog, database_url: str, tmp_path: Path
) -> None:
    sell(postgres_log, 5)
    size = notarise(postgres_log, database_url)
    first = events_of(postgres_log)[-1]
    before = notarised.proof(database_url, first)
    assert before is not None
    old, new = rotated(database_url, overlap=4)
    assert (old.from_size, old.until_size, new.from_size, new.until_size) == (0, size + 4, size + 1, None)
    old_key, new_key = read_key(old.vkey), read_key(new.vkey)
    assert old_key.name == new_key.name
    with pytest.raises(BuystreamError, match=f"signs until the log has {size + 4} leaves"):
        rotated(database_url, overlap=1)
    sell(postgres_log, 2, first=5)
    assert notarise(postgres_log, database_url) == size + 2
    assert signers(database_url, old_key, new_key) == [new_key, old_key]
    meanwhile = notarised.proof(database_url, first)
    assert meanwhile is not None
    sell(postgres_log, 4, first=7)
    notarise(postgres_log, database_url)
    assert signers(database_url, old_key, new_key) == [new_key]
    after = notarised.proof(database_url, first)
    assert after is not None
    for proof, accepted in ((before, {old_key}), (meanwhile, {old_key, new_key}), (after, {new_key})):
        for key in (old_key, new_key):
            if key in accepted:
                assert verify(proof, keys=[key]).index == before.index
            else:
                with pytest.raises(NotSigned):
                    verify(proof, keys=[key])
        assert verify(proof, keys=[old_key, new_key]).index == before.index
    notarised.check_served(database_url)
    with one_transaction(database_url, "test") as cur:
        export_into(cur, tmp_path / "tlog")
    assert (tmp_path / "tlog" / "key").read_text() == f"{new.vkey}\n"
    listed = msgspec.json.decode((tmp_path / "tlog" / "keys").read_bytes(), type=KeyList)
    assert listed == KeyList(notarised.ORIGIN, (new, old))
    third, fourth = rotated(database_url, overlap=0)
    assert (third, [one.number for one in keys(database_url)]) == (
        msgspec.structs.replace(new, until_size=size + 6),
        [0, 1, 2],
    )
    sell(postgres_log, 1, first=11)
    notarise(postgres_log, database_url)
    assert signers(database_url, old_key, new_key, read_key(fourth.vkey)) == [read_key(fourth.vkey)]


def test_a_witness_that_knows_only_the_old_key_cosigns_during_the_overlap(
    postgres_log: PostgresLog, database_url: str
) -> None:
    sell(postgres_log, 3)
    notarise(postgres_log, database_url)
    old, _ = rotated(database_url, overlap=50)
    with serving(LocalWitness(read_key(old.vkey))) as witness:
        policy = read_policy(f"witness W {witness.key} {witness.url}\nquorum W\n")
        sell(postgres_log, 3, first=3)
        notarise(postgres_log, database_url, policy=policy)
    assert signers(database_url, witness.key) == [witness.key]


def test_a_notary_at_work_takes_up_the_new_key(postgres_log: PostgresLog, database_url: str, tmp_path: Path) -> None:
    sell(postgres_log, 3)
    size = notarise(postgres_log, database_url)
    with at_work(notary_of(postgres_log, database_url, file=tmp_path / "checkpoint")):
        _, new = rotated(database_url, overlap=0)
        sell(postgres_log, 2, first=3)
        wait_until(lambda: notarised.published_size(database_url) == size + 2)
    assert signers(database_url, read_key(new.vkey)) == [read_key(new.vkey)]
    assert notarise(postgres_log, database_url, file=tmp_path / "checkpoint") == size + 2


ROTATING = """
import sys, time
from buystream.consumers.notary.notary import rotate_key
from buystream.database import one_transaction
from tests.support.notarised import ROOT

with one_transaction(sys.argv[1], "test") as cur:
    rotate_key(cur, ROOT, overlap=10)
    print("rotated", flush=True)
    time.sleep(600)  # killed before it commits
"""


def test_a_rotation_that_is_killed_changed_nothing(postgres_log: PostgresLog, database_url: str) -> None:
    sell(postgres_log, 3)
    notarise(postgres_log, database_url)
    before = keys(database_url)
    killed = subprocess.Popen([sys.executable, "-c", ROTATING, database_url], stdout=subprocess.PIPE)
    assert killed.stdout is not None
    assert killed.stdout.readline() == b"rotated\n"
    killed.send_signal(signal.SIGKILL)
    killed.wait(patient(60))
    sell(postgres_log, 1, first=3)
    notarise(postgres_log, database_url)  # waits for the lock that the killed one held
    assert keys(database_url) == before
    assert signers(database_url, read_key(before[0].vkey)) == [read_key(before[0].vkey)]
    rotated(database_url, overlap=10)
    assert len(keys(database_url)) == 2
