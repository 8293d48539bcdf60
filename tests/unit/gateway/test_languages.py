"""Which language a buyer gets mail in."""

import pytest

from buystream.gateway.server.languages import preferred


@pytest.mark.parametrize(
    ("accept_language", "language"),
    [
        ("", "en"),
        ("fr", "fr"),
        ("fr-CA,fr;q=0.9,en;q=0.5", "fr"),
        ("de-DE,de;q=0.9,fr;q=0.6,en;q=0.4", "fr"),
        ("en;q=0.3, FR;q=0.8", "fr"),
        ("fr;q=0", "en"),
        ("fr;q=2", "en"),
        ("fr;q=nan", "en"),
        ("fr;level=1", "en"),
        ("de", "en"),
        (",;q=,=", "en"),
    ],
)
def test_the_language_that_the_browser_prefers_of_those_there_are(accept_language: str, language: str) -> None:
    assert preferred(accept_language) == language
