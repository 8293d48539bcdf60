"""The vault: only with the buyer's key, and never again without it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from buystream.vault import BuyerIsErased, Vault, VaultUnavailable
from tests.support.examples import ANNA, BEN
from tests.support.postgres import run_sql

SECRET = b"a secret of the tests"
DETAILS = {"name": "Anna Example", "email": "anna@example.org", "address": "1 Sample Street"}


@pytest.fixture
def vault(database_url: str) -> Iterator[Vault]:
    opened = Vault(database_url, SECRET)
    yield opened
    opened.close()


def test_what_was_encrypted_is_decrypted(vault: Vault) -> None:
    text = vault.encrypt(ANNA, DETAILS)
    assert "Anna" not in text
    assert vault.decrypt(ANNA, text) == DETAILS


def test_the_same_details_never_look_the_same(vault: Vault) -> None:
    assert vault.encrypt(ANNA, DETAILS) != vault.encrypt(ANNA, DETAILS)


def test_another_buyer_reads_nothing(vault: Vault) -> None:
    vault.encrypt(BEN, DETAILS)
    assert vault.decrypt(BEN, vault.encrypt(ANNA, DETAILS)) is None


@pytest.mark.parametrize("text", ["", "x", "????", "AAAA", "A" * 200])
def test_what_is_no_ciphertext_reads_as_nothing(vault: Vault, text: str) -> None:
    vault.encrypt(ANNA, DETAILS)
    assert vault.decrypt(ANNA, text) is None


def test_erasing_the_key_erases_the_person(vault: Vault, database_url: str) -> None:
    text = vault.encrypt(ANNA, DETAILS)
    assert vault.decrypt(ANNA, text) == DETAILS
    vault.erase(ANNA)
    assert vault.decrypt(ANNA, text) is None
    assert run_sql(database_url, "SELECT * FROM vault.buyer_key") == []


def test_an_erased_buyer_gets_no_key_ever_again(vault: Vault, database_url: str) -> None:
    for _ in range(2):
        vault.erase(ANNA)
        with pytest.raises(BuyerIsErased):
            vault.encrypt(ANNA, DETAILS)
    assert run_sql(database_url, "SELECT * FROM vault.buyer_key") == []
    assert vault.erased() == [ANNA]


def test_an_erasure_beside_a_first_encryption_leaves_no_key(vault: Vault, database_url: str) -> None:
    other = Vault(database_url, SECRET)

    def encrypt(buyer_id: str) -> None:
        with suppress(BuyerIsErased):
            other.encrypt(buyer_id, DETAILS)

    buyers = [f"by0-racing{number:014}" for number in range(30)]
    with ThreadPoolExecutor(2) as pool:
        for buyer_id in buyers:
            first = pool.submit(encrypt, buyer_id)
            pool.submit(vault.erase, buyer_id).result()
            first.result()
    other.close()
    assert run_sql(database_url, "SELECT * FROM vault.buyer_key") == []


def test_the_keys_outlive_the_process_and_stay_wrapped(
    vault: Vault, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    text = vault.encrypt(ANNA, DETAILS)
    again, stranger = Vault(database_url, SECRET), Vault(database_url, b"another secret")
    assert again.decrypt(ANNA, text) == DETAILS
    assert stranger.decrypt(ANNA, text) is None
    assert f"the key of {ANNA} can't be opened" in caplog.text
    with pytest.raises(VaultUnavailable, match="another shop's secret"):
        stranger.encrypt(ANNA, DETAILS)
    again.close()
    stranger.close()


def test_a_first_key_is_made_once_by_many_threads(vault: Vault) -> None:
    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(lambda _: vault.encrypt(ANNA, DETAILS), range(40)))
    assert all(vault.decrypt(ANNA, text) == DETAILS for text in texts)


def test_a_lost_connection_is_reported_and_then_replaced(vault: Vault, database_url: str) -> None:
    text = vault.encrypt(ANNA, DETAILS)
    run_sql(
        database_url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    with pytest.raises(VaultUnavailable):
        vault.encrypt(BEN, DETAILS)
    assert vault.decrypt(ANNA, text) == DETAILS


def test_keys_that_were_read_together_need_no_query_of_their_own(vault: Vault, database_url: str) -> None:
    texts = {buyer: vault.encrypt(buyer, {"name": buyer}) for buyer in ("by0-one", "by0-two")}
    vault.read_keys([*texts, "by0-nobody"])
    run_sql(database_url, "DELETE FROM vault.buyer_key")
    assert [vault.decrypt(buyer, text) for buyer, text in texts.items()] == [{"name": "by0-one"}, {"name": "by0-two"}]
    assert vault.decrypt("by0-nobody", "x") is None
