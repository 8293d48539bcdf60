"""One rule for e-mail addresses: whatever is accepted can be mailed."""

import re
from email.headerregistry import Address
from pathlib import Path

import pytest
from click.testing import CliRunner

from buystream.cli.merchants import merchant
from buystream.errors import BuystreamError
from buystream.gateway.pages import email_module
from buystream.vocabulary.email_addresses import EMAIL_OR_NONE, is_email
from tests.support.javascript import evaluated

ADDRESSES = ["anna@example.org", "a.b+c@x.yy", "o'neil@mail.example.org", "a@xn--mller-kva.example", f"{'a' * 64}@x.yy"]
NO_ADDRESSES = [
    *("", "x", "a..b@x.yy", "a,b@x.yy", ".@x.yy", "a.@x.yy", "é@x.yy", "<a@b.cc>", "a@b", "a@b..cc", "a@-b.cc"),
    *("a@b.cc\n", " a@b.cc", "a@é.cc", "a b@x.yy", "a@b@c.dd", "a@1.2.3.4", "a\u202e@b.cc", '"a"@b.cc'),
    *(f"{'a' * 65}@x.yy", f"a@{'b' * 64}.cc", "a@" + "b." * 130 + "cc"),
]


@pytest.mark.parametrize("text", ADDRESSES)
def test_what_mail_can_be_sent_to(text: str) -> None:
    assert is_email(text)
    assert Address(addr_spec=text).addr_spec == text
    assert text.rpartition("@")[2].encode("idna")


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_what_is_no_address(text: str) -> None:
    assert not is_email(text)
    assert not text or len(text) > 254 or re.search(EMAIL_OR_NONE, text) is None


def test_the_pages_have_the_same_rule() -> None:
    assert email_module.MODULE.read_text(encoding="utf-8") == email_module.text()
    script = """import { EMAIL, EMAIL_CHARS_MAX } from "./email-address.js";
        const rule = new RegExp(`^(?:${EMAIL})$`, "v"); // as a field does
        tell(texts.filter((text) => text.length <= EMAIL_CHARS_MAX && rule.test(text)));"""
    assert evaluated(script, texts=ADDRESSES + NO_ADDRESSES) == ADDRESSES


def test_the_command_line_takes_no_other(tmp_path: Path) -> None:
    options = ["details", "m-1", "--legal-name", "Anna", "--address", "1 Quay", "--email", "x"]
    result = CliRunner().invoke(merchant, [*options, "--data-dir", str(tmp_path)])
    assert isinstance(result.exception, BuystreamError)
    assert "'x' can't be written to: give an e-mail address such as anna@example.org" in str(result.exception)
