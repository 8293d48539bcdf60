"""Texts that people enter hide nothing."""

from typing import Annotated, get_args, get_type_hints

import msgspec
import pytest

from buystream.gateway.routes.announcing import Announcement
from buystream.gateway.routes.api_keys import NewApiKey
from buystream.gateway.routes.bodies.editions import NewEdition, NewEvent
from buystream.gateway.routes.bodies.merchants import Details
from buystream.gateway.routes.bodies.payments import Delivery
from buystream.gateway.server.valid_values import in_words
from buystream.postal import PostalAddress
from buystream.vocabulary.texts import IN_WORDS, LINE, NAME, NOT_BLANK, PLAIN

HIDDEN = "\x00\x1b\x7f\x85\u061c\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069\ufeff"


def fits(text: str, form: str) -> bool:
    try:
        msgspec.convert(text, Annotated[str, msgspec.Meta(pattern=form)])
    except msgspec.ValidationError:
        return False
    return True


@pytest.mark.parametrize("form", IN_WORDS)
def test_no_form_takes_what_is_not_seen(form: str) -> None:
    assert [char for char in HIDDEN if fits(f"a{char}b", form)] == []
    assert fits("Café الليل 東京 👩\u200d🚀", form)


def test_a_name_is_one_line_and_not_blank() -> None:
    assert [fits("a\nb", form) for form in (PLAIN, NOT_BLANK, LINE, NAME)] == [True, True, False, False]
    assert [fits("a\n", form) for form in (PLAIN, NOT_BLANK, LINE, NAME)] == [True, True, False, False]
    assert [fits(" ", form) for form in (PLAIN, NOT_BLANK, LINE, NAME)] == [True, False, True, False]
    assert [fits("", form) for form in (PLAIN, NOT_BLANK, LINE, NAME)] == [True, False, True, False]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        *(
            (Announcement, "subject"),
            (NewApiKey, "name"),
            (NewEdition, "title"),
            (NewEvent, "venue"),
            (Delivery, "name"),
        ),
        *((Details, "legal_name"), (PostalAddress, "city")),
    ],
)
def test_what_is_shown_as_a_name_has_that_form(body: type, field: str) -> None:
    kind = get_type_hints(body, include_extras=True)[field]
    (meta,) = [one for one in get_args(kind) if isinstance(one, msgspec.Meta)]
    assert meta.pattern in (LINE, NAME)


def test_a_refusal_says_in_words_what_would_be_right() -> None:
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.convert("\u202e", Annotated[str, msgspec.Meta(pattern=NAME)])
    assert in_words(str(refused.value)).startswith("Expected one line of text that isn't blank, without control")
