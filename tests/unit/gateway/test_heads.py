"""Heads of requests: what could be read in two ways is refused."""

import pytest

from buystream.gateway.server.heads import check_framing, read_request_head
from buystream.gateway.server.problems import HttpProblem

HOST = (b"host", b"shop.example")


@pytest.mark.parametrize("coding", [b"gzip", b"GZIP", b"br", b"identity, gzip", b""])
@pytest.mark.parametrize("body", [(b"content-length", b"2"), (b"transfer-encoding", b"chunked")])
def test_a_body_that_says_it_is_compressed_is_refused(coding: bytes, body: tuple[bytes, bytes]) -> None:
    with pytest.raises(HttpProblem) as refusal:
        check_framing(read_request_head([HOST, (b"content-encoding", coding), body]), "1.1")
    assert (refusal.value.status, refusal.value.slug) == (415, "coded-body")


def test_two_content_encodings_are_ambiguous() -> None:
    with pytest.raises(HttpProblem) as refusal:
        read_request_head([HOST, (b"content-encoding", b"identity"), (b"content-encoding", b"gzip")])
    assert refusal.value.slug == "ambiguous"


@pytest.mark.parametrize("headers", [[], [(b"content-encoding", b"identity"), (b"content-length", b"2")]])
def test_a_body_as_it_is_passes(headers: list[tuple[bytes, bytes]]) -> None:
    check_framing(read_request_head([HOST, *headers]), "1.1")


def test_without_a_body_there_is_nothing_to_unpack() -> None:
    check_framing(read_request_head([HOST, (b"content-encoding", b"gzip")]), "1.1")
