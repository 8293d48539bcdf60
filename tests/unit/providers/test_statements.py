"""What a bank statement shows of a merchant, by Stripe's rules."""

import pytest

from buystream.providers.statements import statement_suffix


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("Night Sky", "Night Sky"),
        ("The Paper Lanterns", "Paper Lant"),
        ("Café 'Nuit' <Étoilée>", "Cafe Nuit"),
        ('Ticket*s \\ "R" Us', "Ticket s R"),
        ("1234", ""),
        ("東京", ""),
        ("", ""),
    ],
)
def test_a_name_becomes_what_banks_take(name: str, suffix: str) -> None:
    assert statement_suffix(name) == suffix
    assert len(suffix) <= 10
