"""Who stands behind a proxy."""

import pytest

from buystream.gateway.server.clients import Clients, network_of
from buystream.gateway.server.problems import HttpProblem

PROXY, INNER = "10.0.0.1", "10.0.0.2"


def client(peer: str = PROXY, **said: str) -> str:
    head = {name.replace("_", "-").encode(): value.encode() for name, value in said.items()}
    return Clients(("10.0.0.0/8", "::1/128")).client_of(peer, head)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        (f"203.0.113.9, {INNER}", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (f"<script>, 203.0.113.9, {INNER}", "203.0.113.9"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]:80", "2001:db8::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("unknown", PROXY),
        (f"203.0.113.9, unknown, {INNER}", INNER),
        (INNER, INNER),
        ("", PROXY),
    ],
)
def test_the_client_is_the_last_address_that_no_proxy_of_ours_has(said: str, found: str) -> None:
    assert client(x_forwarded_for=said) == found


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("for=203.0.113.9", "203.0.113.9"),
        ('For="203.0.113.9:4711";proto=https;by=10.0.0.1', "203.0.113.9"),
        ('for="[2001:db8::1]:4711"', "2001:db8::1"),
        (f"for=198.51.100.1, for=203.0.113.9;host=shop, for={INNER}", "203.0.113.9"),
        ('for="a, for=1.2.3.4", for=203.0.113.9', "203.0.113.9"),
        ("for=_hidden", PROXY),
        ("proto=https", PROXY),
        (f"for=203.0.113.9, proto=https, for={INNER}", INNER),
    ],
)
def test_forwarded_is_read_as_rfc_7239_says(said: str, found: str) -> None:
    assert client(forwarded=said) == found


@pytest.mark.parametrize("said", ['for="', 'for=", for=203.0.113.9', "for", "for=a b", "for=1.2.3.4;;x=y"])
def test_a_malformed_forwarded_is_refused(said: str) -> None:
    with pytest.raises(HttpProblem, match="malformed"):
        client(forwarded=said)


def test_two_headers_that_disagree_are_refused() -> None:
    assert client(forwarded="for=203.0.113.9", x_forwarded_for="203.0.113.9") == "203.0.113.9"
    with pytest.raises(HttpProblem, match="different clients"):
        client(forwarded="for=203.0.113.9", x_forwarded_for="198.51.100.1")


def test_a_stranger_is_not_believed() -> None:
    assert client("198.51.100.7", x_forwarded_for="203.0.113.9", forwarded="nonsense") == "198.51.100.7"


def test_the_addresses_of_one_household_are_one_network() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::2") != network_of("2001:db8:0:1::1")
    assert network_of("203.0.113.9") == network_of("::ffff:203.0.113.9") == "203.0.113.9"
