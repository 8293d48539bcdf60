"""The letter to somebody who waited for what was sold out."""

from urllib.parse import urlsplit

from buystream.consumers.notifications.letters import Letter, say
from buystream.projections.boards import Board


def stock_alert_letter(board: Board, variant_id: str, recipient: str, language: str, *, url: str) -> Letter:
    """There is stock of this variant of the edition again, and nothing is reserved; `url` is the shop's."""
    variant = next((one.title for one in board.variants if one.variant_id == variant_id), "")
    title = f"{board.title}, {variant}" if variant else board.title
    return Letter(
        language=language,
        recipient=recipient,
        name="",
        merchant=board.merchant_name,
        subject=say(language, "stock_alert.subject", title=title),
        heading=say(language, "stock_alert.heading", title=title),
        paragraphs=[say(language, "stock_alert.text", title=title), say(language, "stock_alert.no_reservation")],
        buttons=[(say(language, "stock_alert.buy"), f"{url}/e/{board.edition_id}")],
        footer=[say(language, "stock_alert.footer", shop=urlsplit(url).hostname or "", merchant=board.merchant_name)],
    )
