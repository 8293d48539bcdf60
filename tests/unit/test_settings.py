"""The environment is read in one place, refused in one line, and documented in one table."""

import re
from pathlib import Path

import msgspec
import pytest

from buystream.environment import VARIABLES
from buystream.host.secret_file import secret_of
from buystream.limits import Limits
from buystream.settings import Settings, read_settings
from buystream.variables import BadSetting

SECRET = "0123456789abcdef0123456789abcdef"
DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_every_variable_is_documented_as_it_is_in_the_code() -> None:
    rows = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")]
    assert rows == [
        f"| `{name}` | {f'`{variable.default}`' if variable.default else ''} | {variable.meaning} |"
        for name, variable in VARIABLES.items()
    ]


def test_every_field_has_one_variable_with_the_same_default() -> None:
    fields = {*Settings.__struct_fields__, *Limits.__struct_fields__} - {"limits"}
    assert sorted(variable.field for variable in VARIABLES.values()) == sorted(fields)
    written = {name: variable.default for name, variable in VARIABLES.items()}
    del written["BUYSTREAM_SECRET_KEY"]
    assert read_settings(written) == read_settings({}) == Settings()


def test_only_settings_reads_the_environment() -> None:
    source = Path(__file__).parents[2] / "src" / "buystream"
    readers = {path.name for path in source.rglob("*.py") if "environ" in path.read_text().replace("environment", "")}
    assert readers == {"settings.py"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("BUYSTREAM_PORT", "http"),
        ("BUYSTREAM_PORT", "65536"),
        ("BUYSTREAM_PARTITIONS", "0"),
        ("BUYSTREAM_PARTITIONS", "1.5"),
        ("BUYSTREAM_SECRET_KEY", "short"),
        ("BUYSTREAM_PUBLIC_URL", "shop.example"),
        ("BUYSTREAM_PUBLIC_URL", "https://"),
        ("BUYSTREAM_PUBLIC_URL", "https://shop.example/path"),
        ("BUYSTREAM_PUBLIC_URL", "https://shop.example?a=b"),
        ("BUYSTREAM_PUBLIC_URL", "https://shop.example/#"),
        ("BUYSTREAM_PUBLIC_URL", "https://user@shop.example"),
        ("BUYSTREAM_PUBLIC_URL", "https://shop.example:99999"),
        ("BUYSTREAM_PUBLIC_URL", "https://shop example"),
        ("BUYSTREAM_PUBLIC_URL", "https://[::1"),
        ("BUYSTREAM_DATABASE_URL", "shop"),
        ("BUYSTREAM_HOST_SECRETS", "forum.example"),
        ("BUYSTREAM_HOST_SECRETS", f"={SECRET}"),
        ("BUYSTREAM_SCHEMA_REGISTRY_URL", "registry.example"),
        ("BUYSTREAM_SCHEMA_REGISTRY_URL", "https://user:password@registry.example"),
        ("BUYSTREAM_SCHEMA_REGISTRY_CREDENTIALS", "user"),
        ("BUYSTREAM_SMTP_URL", "mail.example:25"),
        ("BUYSTREAM_SMTP_URL", "smtp://user@mail.example"),
        ("BUYSTREAM_SMTP_URL", "smtps://mail.example?tls=none"),
        ("BUYSTREAM_MAIL_FROM", "Shop <shop@mail.example>"),
        ("BUYSTREAM_MAIL_PER_SECOND", "0"),
        ("BUYSTREAM_LOG_LEVEL", "LOUD"),
        ("BUYSTREAM_LOG_FORMAT", "xml"),
        ("BUYSTREAM_KAFKA_CLIENT_RACK", "a rack"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_variable(name: str, text: str) -> None:
    with pytest.raises(BadSetting, match=f"^{name} must "):
        read_settings({name: text})


def test_a_chosen_value_wins_over_the_environment() -> None:
    assert read_settings({"BUYSTREAM_PORT": "81"}, port=82, host=None).port == 82


def test_host_secrets_are_read_by_host_name() -> None:
    read = read_settings({"BUYSTREAM_HOST_SECRETS": f"forum.example={SECRET}, blog.example={SECRET}="})
    assert read.host_secrets == {"forum.example": SECRET, "blog.example": f"{SECRET}="}


def test_the_url_is_one_that_a_browser_can_open() -> None:
    assert read_settings({"BUYSTREAM_HOST": "0.0.0.0"}).url == "http://127.0.0.1:8000"
    assert read_settings({"BUYSTREAM_HOST": "::1"}).url == "http://[::1]:8000"
    assert read_settings({"BUYSTREAM_PUBLIC_URL": "https://shop.example/"}).url == "https://shop.example"


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://Shop.Example", "https://shop.example"),
        ("https://shop.example:443/", "https://shop.example"),
        ("http://shop.example:80", "http://shop.example"),
        ("http://shop.example:443", "http://shop.example:443"),
        ("https://müller.example", "https://xn--mller-kva.example"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_the_public_url_is_read_as_browsers_say_it_in_their_origin(text: str, origin: str) -> None:
    assert read_settings({"BUYSTREAM_PUBLIC_URL": text}).url == origin


def test_a_database_of_ones_own_needs_a_secret_of_ones_own() -> None:
    with pytest.raises(BadSetting, match="BUYSTREAM_SECRET_KEY is required"):
        read_settings({"BUYSTREAM_DATABASE_URL": "postgresql://shop@db/shop"})


def test_the_embedded_secret_is_made_once_and_private(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    first = secret_of(settings)
    assert len(first) >= 32
    assert secret_of(settings) == first
    assert [path.name for path in settings.data_dir.iterdir()] == ["secret.key"]
    assert (settings.data_dir / "secret.key").stat().st_mode & 0o777 == 0o600


def test_an_unusable_data_folder_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(BadSetting, match=r"can't use the data folder .*data") as told:
        secret_of(Settings(data_dir=tmp_path / "data"))
    assert "\n" not in str(told.value)


def test_settings_never_show_secrets() -> None:
    settings = read_settings({"BUYSTREAM_SECRET_KEY": SECRET, "BUYSTREAM_DATABASE_URL": "postgresql://u:pw@db/x"})
    assert SECRET not in repr(settings)
    assert "pw" not in repr(settings)
    assert msgspec.structs.replace(settings, port=9).port == 9


STRIPE = {
    "BUYSTREAM_STRIPE_SECRET_KEY": "sk_test_0123456789",
    "BUYSTREAM_STRIPE_PUBLISHABLE_KEY": "pk_test_0123456789",
    "BUYSTREAM_STRIPE_WEBHOOK_SECRETS": "whsec_0123456789, whsec_9876543210",
}
LIVE = {
    "BUYSTREAM_STRIPE_SECRET_KEY": "sk_live_0123456789",
    "BUYSTREAM_STRIPE_PUBLISHABLE_KEY": "pk_live_0123456789",
    "BUYSTREAM_PUBLIC_URL": "https://shop.example",
}


def test_two_keys_choose_stripe() -> None:
    assert not read_settings({}).takes_real_money
    settings = read_settings(STRIPE)
    assert settings.takes_real_money
    assert settings.stripe_webhook_secrets == ("whsec_0123456789", "whsec_9876543210")
    assert read_settings(LIVE).takes_real_money


def test_stripes_keys_are_never_shown() -> None:
    assert not any(part in repr(read_settings(STRIPE)) for part in ("0123456789", "9876543210"))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({**STRIPE, "BUYSTREAM_STRIPE_PUBLISHABLE_KEY": ""}, "BUYSTREAM_STRIPE_PUBLISHABLE_KEY is required"),
        ({**STRIPE, "BUYSTREAM_STRIPE_SECRET_KEY": ""}, "BUYSTREAM_STRIPE_SECRET_KEY is required"),
        ({"BUYSTREAM_STRIPE_WEBHOOK_SECRETS": "whsec_0123456789"}, "has no effect without"),
        ({**STRIPE, "BUYSTREAM_STRIPE_SECRET_KEY": "sk_live_0123456789"}, "different modes"),
        ({**LIVE, "BUYSTREAM_PUBLIC_URL": "http://shop.example"}, "https://"),
        ({**LIVE, "BUYSTREAM_STRIPE_API_BASE": "http://127.0.0.1:1"}, "sent to Stripe only"),
        ({**LIVE, "BUYSTREAM_STRIPE_RECONCILE_SECONDS": "0"}, "never learns what happens at Stripe"),
        ({**STRIPE, "BUYSTREAM_STRIPE_SECRET_KEY": "pk_test_0123456789"}, "BUYSTREAM_STRIPE_SECRET_KEY must be"),
        ({**STRIPE, "BUYSTREAM_STRIPE_WEBHOOK_SECRETS": "whsec_0123456789,"}, "SECRETS must be one secret"),
        ({"BUYSTREAM_APPLE_PAY_ASSOCIATION": "/nowhere"}, "must be the path of an existing file"),
    ],
)
def test_half_of_stripe_is_refused_in_one_line(changed: dict[str, str], told: str) -> None:
    with pytest.raises(BadSetting, match=told) as refused:
        read_settings(changed)
    assert "\n" not in str(refused.value)
    assert "0123456789" not in str(refused.value)


SECRETS = {
    "BUYSTREAM_DATABASE_URL": "postgresql://shop:secret@db/shop",
    "BUYSTREAM_DATABASE_PASSWORDS": "gateway=one,decider=two",
    "BUYSTREAM_SECRET_KEY": SECRET,
    "BUYSTREAM_NEW_SECRET_KEY": SECRET,
    "BUYSTREAM_KAFKA_OPTIONS": "security.protocol=SASL_SSL\nsasl.password=a,b=c ",
    "BUYSTREAM_SCHEMA_REGISTRY_CREDENTIALS": "shop:pass:word",
    "BUYSTREAM_HOST_SECRETS": f"forum.example={SECRET}\nblog.example={SECRET}",
    **{name: text for name, text in STRIPE.items() if "PUBLISHABLE" not in name},
    "BUYSTREAM_SMTP_URL": "smtp://shop:pass%40word@mail.example",
}


def test_every_variable_that_holds_a_secret_may_be_a_file() -> None:
    assert {name for name, variable in VARIABLES.items() if variable.is_secret} == set(SECRETS)
    told = re.findall(r"`(BUYSTREAM_\w+)`", DOCUMENT.read_text().partition("## Secrets from files")[2])
    assert set(told) - {"BUYSTREAM_SECRET_KEY_FILE"} == set(SECRETS)


@pytest.mark.parametrize(("begin", "end"), [("", ""), ("", "\n"), ("", "\r\n"), ("\ufeff", " \n\n"), (" ", " ")])
def test_a_secret_is_read_from_the_file_that_is_named_as_it_would_be_from_the_variable(
    tmp_path: Path, begin: str, end: str
) -> None:
    plain = {name: text.strip() for name, text in STRIPE.items() if "PUBLISHABLE" in name}
    plain["BUYSTREAM_MAIL_FROM"] = "shop@mail.example"
    files = {}
    for name, text in SECRETS.items():
        (tmp_path / name).write_bytes((begin + text + end).encode())
        files[f"{name}_FILE"] = str(tmp_path / name)
    settings = read_settings(plain | files)
    assert settings.secret_key == settings.new_secret_key == SECRET
    assert settings.database_url == "postgresql://shop:secret@db/shop"
    assert settings.database_passwords == {"gateway": "one", "decider": "two"}
    assert settings.kafka_options == {"security.protocol": "SASL_SSL", "sasl.password": "a,b=c"}
    assert settings.schema_registry_credentials == ("shop", "pass:word")
    assert settings.host_secrets == {"forum.example": SECRET, "blog.example": SECRET}
    assert settings.stripe_secret_key == "sk_test_0123456789"
    assert settings.stripe_webhook_secrets == ("whsec_0123456789", "whsec_9876543210")
    assert settings.smtp == ("mail.example", 587, "starttls", "shop", "pass@word")


def test_a_secret_in_both_places_or_in_no_readable_file_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET)
    name = "BUYSTREAM_SECRET_KEY"
    empty, short, lines = tmp_path / "empty", tmp_path / "short", tmp_path / "lines"
    lines.write_text(f"{SECRET}\n{SECRET}\n")
    empty.write_text("\n")
    short.write_text("hunter2\n")
    for environment, said in (
        ({name: SECRET, f"{name}_FILE": str(file)}, f"{name} and {name}_FILE are both set"),
        ({f"{name}_FILE": str(tmp_path / "none")}, f"{name}_FILE: can't read {tmp_path / 'none'}: No such file"),
        ({f"{name}_FILE": str(tmp_path)}, f"{name}_FILE: can't read {tmp_path}: Is a directory"),
        ({f"{name}_FILE": str(empty)}, f"{name}_FILE: {empty} is empty"),
        ({f"{name}_FILE": str(short)}, f"{name} must have at least 32 characters"),
        ({f"{name}_FILE": str(lines)}, f"{name} must be one line"),
        ({"BUYSTREAM_PORT_FILE": str(file)}, "BUYSTREAM_PORT_FILE: only secrets are read from files"),
    ):
        with pytest.raises(BadSetting) as refused:
            read_settings(environment)
        assert said in str(refused.value)
        assert "\n" not in str(refused.value)
        assert SECRET not in str(refused.value)
        assert "hunter2" not in str(refused.value)


def test_a_mail_server_needs_a_sender() -> None:
    with pytest.raises(BadSetting, match="BUYSTREAM_MAIL_FROM is required"):
        read_settings({"BUYSTREAM_SMTP_URL": "smtps://mail.example"})
