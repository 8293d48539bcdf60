"""Which part of a file an answer has."""

import pytest

from buystream.gateway.server.ranges import FilePart, part_of

ETAG = '"a1"'


def asked(**headers: str) -> FilePart:
    return part_of({name.replace("_", "-"): value for name, value in headers.items()}, size_bytes=100, etag=ETAG)


@pytest.mark.parametrize(
    ("wanted", "part"),
    [
        ("bytes=0-9", (206, 0, 10)),
        ("bytes=90-", (206, 90, 100)),
        ("bytes=90-1000", (206, 90, 100)),
        ("bytes=-10", (206, 90, 100)),
        ("bytes=-1000", (206, 0, 100)),
        ("BYTES = 5 - 5", (206, 5, 6)),
        ("bytes=100-", (416, 0, 0)),
        ("bytes=-0", (416, 0, 0)),
        ("bytes=9-0", (200, 0, 100)),
        ("bytes=0-1,5-6", (200, 0, 100)),
        ("bytes=", (200, 0, 100)),
        ("bytes=٣-", (200, 0, 100)),
        ("lines=1-2", (200, 0, 100)),
        ("", (200, 0, 100)),
    ],
)
def test_a_single_range_is_given_and_what_is_none_is_ignored(wanted: str, part: tuple[int, int, int]) -> None:
    assert asked(range=wanted) == part


def test_an_empty_file_has_no_range() -> None:
    assert part_of({}, size_bytes=0, etag=ETAG) == (200, 0, 0)
    assert part_of({"range": "bytes=0-"}, size_bytes=0, etag=ETAG).status == 416
    assert part_of({"range": "bytes=-5"}, size_bytes=0, etag=ETAG).status == 416


def test_a_range_of_another_version_gets_this_one_whole() -> None:
    assert asked(range="bytes=5-", if_range=ETAG).status == 206
    for other in ('"b2"', f"W/{ETAG}", "Sat, 28 Nov 2026 02:00:00 GMT"):
        assert asked(range="bytes=5-", if_range=other) == (200, 0, 100)


def test_conditions_go_before_ranges() -> None:
    assert asked(if_none_match=f'"z", W/{ETAG}', range="bytes=5-").status == 304
    assert asked(if_none_match="*").status == 304
    assert asked(if_none_match='"b2"').status == 200
    assert asked(if_match=ETAG).status == 200
    assert asked(if_match=f"W/{ETAG}").status == 412
    assert asked(if_match='"b2"', if_none_match=ETAG).status == 412
