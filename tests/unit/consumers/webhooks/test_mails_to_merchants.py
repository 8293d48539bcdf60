"""What a merchant reads before and when an endpoint is disabled."""

import pytest

from buystream.consumers.notifications.letters import NotCalledFor, email_of
from buystream.consumers.notifications.queueing import TO_MERCHANTS
from buystream.consumers.notifications.to_merchants import letter_to_merchant
from buystream.projections.people import LegalDetails

ADDRESS = "https://warehouse.example/hooks"
URL = "https://shop.example"


@pytest.mark.parametrize("kind", sorted(TO_MERCHANTS))
def test_a_merchant_reads_which_endpoint_it_is_and_where_to_look(kind: str) -> None:
    merchant = LegalDetails(legal_name="Low Tide Records", email="label@example.org")
    letter = letter_to_merchant(kind, ADDRESS, merchant, url=URL)
    mail = email_of(letter, mail_id="1", sender="shop@shop.example", at_ms=0).decode()
    assert "To: Low Tide Records <label@example.org>" in mail
    for said in (ADDRESS, f"{URL}/desk"):
        assert said in mail


def test_a_merchant_without_an_address_gets_no_mail() -> None:
    with pytest.raises(NotCalledFor):
        letter_to_merchant("webhook_failing", ADDRESS, LegalDetails(), url=URL)
