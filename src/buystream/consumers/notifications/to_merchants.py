"""Letters to merchants, about the endpoints of their webhooks."""

from urllib.parse import urlsplit

from buystream.consumers.notifications.letters import Letter, NotCalledFor, say
from buystream.consumers.notifications.words import DEFAULT
from buystream.projections.people import LegalDetails


def letter_to_merchant(kind: str, address: str, merchant: LegalDetails, *, url: str) -> Letter:
    """What a merchant reads about the endpoint at this `address`; `url` is the shop's. Raises NotCalledFor."""
    if not merchant.email:
        raise NotCalledFor("the merchant gave no address")
    shop = urlsplit(url).hostname or ""
    return Letter(
        language=DEFAULT,
        recipient=merchant.email,
        name=merchant.legal_name,
        merchant=shop,
        subject=say(DEFAULT, f"{kind}.subject", address=address),
        heading=say(DEFAULT, f"{kind}.heading"),
        paragraphs=[say(DEFAULT, f"{kind}.text", address=address), say(DEFAULT, f"{kind}.todo")],
        buttons=[(say(DEFAULT, "desk"), f"{url}/desk")],
        footer=[say(DEFAULT, "to_merchant", shop=shop)],
    )
