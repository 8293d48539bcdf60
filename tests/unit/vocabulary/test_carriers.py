"""Where a buyer follows a parcel."""

from urllib.parse import urlsplit

import pytest

from buystream.vocabulary.carriers import CARRIERS, Carrier, tracking_link

HOSTILE = "x/../../evil?next=//evil.example#"


@pytest.mark.parametrize("carrier", CARRIERS, ids=lambda one: one.name)
def test_a_number_never_changes_where_a_carriers_link_goes(carrier: Carrier) -> None:
    name = carrier.name
    plain, hostile = tracking_link(name, "RR123456789IE"), tracking_link(name, HOSTILE)
    assert plain is not None
    assert hostile is not None
    assert "RR123456789IE" in plain
    assert urlsplit(plain)[:2] == urlsplit(hostile)[:2]
    assert "evil.example" not in str(urlsplit(hostile).hostname)
    assert "/../" not in hostile


def test_a_carrier_is_known_however_it_is_written() -> None:
    assert tracking_link("royal-mail", "AB 1") == "https://www.royalmail.com/portal/rm/track?trackNumber=AB1"
    assert tracking_link("DHL PAKET", "1") is not None


def test_an_unknown_carrier_has_a_link_only_if_the_number_is_one() -> None:
    assert tracking_link("By bike", "7") is None
    assert tracking_link("By bike", "https://bike.example/7") == "https://bike.example/7"
    for unsafe in ("javascript:alert(1)", "http://bike.example/7", 'https://x"onclick='):
        assert tracking_link("By bike", unsafe) is None
