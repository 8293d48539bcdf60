"""The list of erased buyers: written once each, read back, applied again after a restore."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from buystream.erasures import BadErasedList, add_erased, erase_again, read_erased
from buystream.log import COMMANDS
from buystream.log.postgres import PostgresLog
from buystream.vault import BuyerIsErased, Vault
from buystream.vocabulary.codec import read_command
from buystream.vocabulary.commands import EraseBuyer
from tests.support.examples import ANNA, BEN

SECRET = b"a secret of the tests"


@pytest.fixture
def vault(database_url: str) -> Iterator[Vault]:
    with closing(Vault(database_url, SECRET)) as opened:
        yield opened


def test_each_erased_buyer_is_listed_once(tmp_path: Path) -> None:
    file = tmp_path / "erased.txt"
    assert read_erased(file) == []
    for buyer_id in (ANNA, BEN, ANNA):
        add_erased(file, buyer_id)
    assert file.read_text() == f"{ANNA}\n{BEN}\n"
    assert read_erased(file) == [ANNA, BEN]


@pytest.mark.parametrize("content", [b"me0-n1ghtsky00\n", b"Anna Example\n", b"\xff\xfe"])
def test_another_file_is_not_taken_for_the_list(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "erased.txt"
    file.write_bytes(content)
    with pytest.raises(BadErasedList):
        read_erased(file)


def test_a_buyer_erased_after_the_backup_is_erased_again_by_key_and_by_command(vault: Vault, database_url: str) -> None:
    text = vault.encrypt(ANNA, {"name": "Anna"})
    with closing(PostgresLog(database_url, partitions=2)) as log:
        assert erase_again([ANNA, ANNA], vault, log) == [ANNA]
        assert erase_again([ANNA], vault, log) == []
        records = [record for partition in range(2) for record in log.read(COMMANDS, partition, 0, 10)]
    assert [read_command(record.value).data for record in records] == [EraseBuyer(buyer_id=ANNA)]
    assert vault.decrypt(ANNA, text) is None
    with pytest.raises(BuyerIsErased):
        vault.encrypt(ANNA, {"name": "Anna"})
