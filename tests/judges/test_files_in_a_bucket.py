"""What every store of files does, done by one of S3's protocol."""

import pytest

from buystream.media import Media, media_at
from tests.contract.test_media import (
    test_what_is_cut_off_is_not_there,
    test_what_was_put_is_read_whole_and_in_parts,
    test_what_was_removed_is_gone_and_may_be_removed_again,
)

__all__ = [
    "test_what_is_cut_off_is_not_there",
    "test_what_was_put_is_read_whole_and_in_parts",
    "test_what_was_removed_is_gone_and_may_be_removed_again",
]


@pytest.fixture
def media(s3_address: str, monkeypatch: pytest.MonkeyPatch) -> Media:
    """A prefix in a bucket."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{s3_address}")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    return media_at("s3://files/shop")
