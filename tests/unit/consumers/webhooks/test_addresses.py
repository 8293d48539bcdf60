"""No webhook reaches the shop's own network."""

import asyncio
from collections.abc import Sequence

import pytest

from buystream.consumers.webhooks.addresses import BadAddress, Target, checked_addresses, refuse, target_of

PRIVATE = (
    *("127.0.0.1", "127.8.9.1", "0.0.0.0", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
    *("192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
    *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1"),
    *("2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:4136:e378:8000:63bf:80ff:fffe"),
)


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_on_the_internet_is_refused(address: str) -> None:
    with pytest.raises(BadAddress):
        refuse(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:93.184.215.14"])
def test_an_address_on_the_internet_is_taken(address: str) -> None:
    refuse(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_this_machine_is_taken_where_that_is_allowed_and_its_network_is_not(address: str) -> None:
    refuse(address, to_loopback=True)
    with pytest.raises(BadAddress):
        refuse("10.0.0.1", to_loopback=True)


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.com/", "ftp://example.com/", "example.com", "https://", "https:///path", "//example.com/"),
        *("https://user:word@example.com/", "https://example.com/#part", "https://example.com:99999/"),
        *("https://127.0.0.1/", "https://[::1]/", "https://[::ffff:7f00:1]/", "https://localhost/", "https://a.local/"),
        *("https://exa mple.com/", "https://example.com/\r\nHost:x", "https://ex\u00e4mple.com/", "https://[::1/"),
        f"https://example.com/{'x' * 2_000}",
    ],
)
def test_a_webhook_goes_to_an_https_address_without_oddities(url: str) -> None:
    with pytest.raises(BadAddress):
        target_of(url)


def test_an_address_is_taken_apart() -> None:
    assert target_of("https://Shop.example:8443/hooks?a=b") == Target("https", "shop.example", 8443, "/hooks?a=b")
    assert target_of("https://shop.example").authority == "shop.example"
    assert target_of("https://[2606:2800:21f::1]:444/x").authority == "[2606:2800:21f::1]:444"


def test_one_private_address_of_a_name_is_enough_to_refuse_it() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["93.184.215.14", "127.0.0.1"]

    with pytest.raises(BadAddress, match=r"127\.0\.0\.1"):
        asyncio.run(checked_addresses(target_of("https://rebound.example/"), resolve))
