"""An address is in the form of its country: checked with clear answers, and written as its post wants it."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from buystream.postal import (
    CHARS_MAX,
    PostalAddress,
    check,
    countries,
    decoded,
    encoded,
    form_of,
    label_lines,
    tidied,
)

GOOD = {
    "GB": PostalAddress(country="GB", street=("10 Example Road",), city="London", postal_code="sw1a 2aa"),
    "US": PostalAddress(
        country="US", street=("1 Sample Way", "Apt 4"), city="Oakland", region="California", postal_code="94607"
    ),
    "FR": PostalAddress(country="FR", street=("12 rue de la Paix",), city="Paris", postal_code="75002"),
    "DE": PostalAddress(country="DE", company="Funk GmbH", street=("Musterweg 1",), city="Köln", postal_code="50667"),
    "JP": PostalAddress(country="JP", street=("世田谷区三宿1-2-3",), region="東京都", postal_code="154-0023"),
    "IE": PostalAddress(country="IE", street=("1 Main Street",), city="Dublin", postal_code="d02 af30"),
    "IT": PostalAddress(country="IT", street=("Via Roma 1",), city="Roma", region="rm", postal_code="00144"),
    "CH": PostalAddress(country="CH", street=("Bahnhofstrasse 1",), city="Zürich", postal_code="CH-8001"),
    "BR": PostalAddress(
        country="BR",
        street=("Rua Augusta 1",),
        district="Centro",
        city="Sao Paulo",
        region="sao paulo",
        postal_code="01310-100",
    ),
}

WITHIN = {
    "GB": ["Ada Lee", "10 Example Road", "LONDON", "SW1A 2AA"],
    "US": ["Ada Lee", "1 Sample Way", "Apt 4", "OAKLAND, CA 94607"],
    "FR": ["Ada Lee", "12 rue de la Paix", "75002 PARIS"],
    "DE": ["Ada Lee", "Funk GmbH", "Musterweg 1", "50667 KÖLN"],
    "JP": ["〒154-0023", "東京都", "世田谷区三宿1-2-3", "Ada Lee"],
    "IE": ["Ada Lee", "1 Main Street", "DUBLIN", "D02 AF30"],
    "IT": ["Ada Lee", "Via Roma 1", "00144 ROMA RM"],
    "CH": ["Ada Lee", "Bahnhofstrasse 1", "8001 Zürich"],
    "BR": ["Ada Lee", "Rua Augusta 1", "Centro", "SAO PAULO-SP", "01310-100"],
}


@pytest.mark.parametrize("country", sorted(GOOD))
def test_a_good_address_is_written_as_its_country_does(country: str) -> None:
    assert check(GOOD[country]) == []
    assert label_lines(GOOD[country], country, recipient="Ada Lee") == WITHIN[country]


@pytest.mark.parametrize("country", sorted(GOOD.keys() - {"CH"}))
def test_mail_from_abroad_ends_with_the_country_in_capitals(country: str) -> None:
    from_abroad = label_lines(GOOD[country], "CH", recipient="Ada Lee")
    assert from_abroad[:-1] == WITHIN[country]
    assert from_abroad[-1].isupper()


def test_mail_from_abroad_names_switzerland_before_the_postal_code() -> None:
    assert label_lines(GOOD["CH"], "DE") == ["Bahnhofstrasse 1", "CH-8001 Zürich", "SWITZERLAND"]


def test_an_address_in_latin_letters_is_in_the_order_that_carriers_abroad_read() -> None:
    address = PostalAddress(country="JP", street=("1-2-3 Mishuku, Setagaya-ku",), region="tokyo", postal_code="1540023")
    assert check(address) == []
    lines = ["Ada Lee", "1-2-3 Mishuku, Setagaya-ku, TOKYO", "1540023", "JAPAN"]
    assert label_lines(address, "GB", recipient="Ada Lee") == lines


BAD = [
    ("GB", "postal_code", "ABC", "The postcode “ABC” isn’t valid. One looks like this: EC1Y 8SY.", "EC1Y 8SY"),
    (
        "US",
        "postal_code",
        "10001",
        "The ZIP code 10001 isn’t in California. One there looks like this: 90000.",
        "90000",
    ),
    ("US", "region", "Kent", "There is no state “Kent” there. One is Alabama (AL).", "AL"),
    ("FR", "postal_code", "7500", "The code postal “7500” isn’t valid. One looks like this: 33380.", "33380"),
    ("DE", "postal_code", "", "Enter the PLZ, such as 26133.", "26133"),
    ("JP", "region", "", "Enter the prefecture.", "北海道"),
    ("IE", "postal_code", "123", "The Eircode “123” isn’t valid. One looks like this: A65 F4E2.", "A65 F4E2"),
    ("IT", "region", "ZZ", "There is no province “ZZ” there. One is Agrigento (AG).", "AG"),
    ("CH", "postal_code", "80011", "The PLZ / NPA / CAP “80011” isn’t valid. One looks like this: 2544.", "2544"),
    ("BR", "city", "", "Enter the city.", ""),
    ("GB", "region", "Kent", "Addresses there have no field for “Kent”. Write it in the street address.", ""),
    ("GB", "country", "XX", "Choose a country: two letters of ISO 3166-1, such as FR.", "FR"),
]


@pytest.mark.parametrize(("country", "field", "value", "message", "example"), BAD)
def test_what_is_wrong_is_said_with_its_field_and_an_example(
    country: str, field: str, value: str, message: str, example: str
) -> None:
    [problem] = check(msgspec.structs.replace(GOOD[country], **{field: value}))
    assert (problem.field, problem.message, problem.example) == (field, message, example)


def test_a_code_of_another_region_is_noticed() -> None:
    [problem] = check(msgspec.structs.replace(GOOD["US"], postal_code="10001"))
    assert problem.message == "The ZIP code 10001 isn’t in California. One there looks like this: 90000."


def test_all_that_is_missing_is_said_at_once_in_the_order_of_the_form() -> None:
    missing = check(PostalAddress(country="JP"))
    assert [(one.field, one.problem) for one in missing] == [
        ("postal_code", "required"),
        ("region", "required"),
        ("street", "required"),
    ]


def test_fields_have_the_names_that_the_country_gives_them() -> None:
    labels = {(country, field.name): field.label for country in GOOD for field in form_of(country).fields}
    assert labels["GB", "postal_code"] == "postcode"
    assert labels["US", "postal_code"] == "ZIP code"
    assert labels["IT", "postal_code"] == "CAP"
    assert labels["IE", "postal_code"] == "Eircode"
    assert labels["US", "region"] == "state"
    assert labels["JP", "region"] == "prefecture"
    assert labels["IE", "region"] == "county"
    assert labels["GB", "city"] == "town"
    assert ("GB", "region") not in labels
    assert [field.name for field in form_of("JP").fields][:2] == ["postal_code", "region"]


def test_a_region_is_chosen_from_a_list_where_the_country_has_one() -> None:
    [region] = [field for field in form_of("IT").fields if field.name == "region"]
    assert region.required
    assert ("RM", "Roma") in [(one.value, one.label) for one in region.choices]


@pytest.mark.parametrize("country", sorted(countries()))
def test_every_country_has_a_form_and_a_label(country: str) -> None:
    assert "street" in {field.name for field in form_of(country).fields}
    filled = PostalAddress(country=country, street=("1 Long Street",), city="Town", postal_code="1")
    assert "1 LONG STREET" in " ".join(label_lines(filled, "GB")).upper()


TEXTS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=CHARS_MAX)
ADDRESSES = st.builds(
    PostalAddress,
    country=st.sampled_from(sorted(countries())) | st.text("ABCXYZ ", min_size=2, max_size=2),
    company=TEXTS,
    street=st.lists(TEXTS, max_size=4).map(tuple),
    district=TEXTS,
    city=TEXTS,
    region=TEXTS,
    postal_code=st.text("0123456789 ABC-", max_size=20),
    sorting_code=st.text("0123456789", max_size=20),
)


@given(ADDRESSES)
def test_any_text_can_be_checked_and_written(address: PostalAddress) -> None:
    check(address)
    assert all(line.strip() for line in label_lines(address, "GB", recipient="Ada Lee"))
    assert check(tidied(address)) == check(address)
    assert decoded(encoded(address)) == address


def test_no_address_is_no_text() -> None:
    assert decoded("") is None
