"""An order and a sale in words, for the API and the pages: those of the state, unless the facts say more."""

from buystream.projections.boards import Board
from buystream.projections.order_views import OrderView
from buystream.vocabulary.money import format_money
from buystream.vocabulary.order_states import CANCELLATIONS, ORDER_STATES, SALE_STATES


def state_words(view: OrderView) -> tuple[str, str]:
    """Its name, and what it means."""
    if view.state == "cancelled" and (known := CANCELLATIONS.get(view.reason or "")):
        return known.name, known.meaning
    if not view.total_minor and view.state == "confirmed":
        return "Yours", "It was free, and it’s yours."
    if not view.total_minor and view.state == "refunded":
        return "Returned", "You returned it."
    row = ORDER_STATES[view.state]
    return row.name, row.meaning


def desk_word(view: OrderView) -> str:
    """The state's name for the merchant; a refund under way comes first."""
    return "refunding" if view.refunding_minor or view.returning else ORDER_STATES[view.state].desk


def price_words(board: Board) -> str:
    """`24.00 USD`, `From 1.00 EUR`."""
    if board.price_minor is None:
        low = board.price_min_minor
        return f"From {format_money(low, board.currency)}" if low else "Any amount"
    return format_money(board.price_minor, board.currency) if board.price_minor else "Free"


def sale_words(board: Board) -> str:
    """Whether it can be bought, and how many are left."""
    words = SALE_STATES[board.state].name
    if board.state != "open" or board.available is None:
        return words
    return f"{words}, {board.available} of {board.stock} left"
