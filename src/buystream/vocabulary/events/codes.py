"""Codes of an edition, and the orders that use them once they are placed; others say so in `OrderPlaced`."""

from typing import Annotated

from buystream.vocabulary.codes import CODE_TERMS, CODE_TEXT, CodeId, CodeKey, CodeTerms, CodeUse
from buystream.vocabulary.events.editions import EditionEvent
from buystream.vocabulary.events.orders import OrderEvent
from buystream.vocabulary.fields import BuyerId, meaning


class CodeCreated(EditionEvent):
    """Buyers may use a new code, or `count` single-use codes of the `series`."""

    code_id: CodeId
    series: Annotated[int, meaning("Which of its edition's codes it is, counted from 1.", feed=True)]
    terms: Annotated[CodeTerms, CODE_TERMS]
    key: CodeKey = ""
    code_text: Annotated[str, CODE_TEXT] = ""
    count: Annotated[int, meaning("How many single-use codes; 0 for one code.", feed=True)] = 0
    prefix: Annotated[str, meaning("What single-use codes begin with.", feed=True)] = ""


class CodeDisabled(EditionEvent):
    """New orders can't use the code, or can again. An order that was placed with it keeps its price."""

    code_id: CodeId
    disabled: Annotated[bool, meaning("Whether it is disabled.", feed=True)]


class CodeApplied(OrderEvent):
    """The order, which is held, uses this code from here on, instead of any other."""

    buyer_id: BuyerId
    code: Annotated[CodeUse, meaning("The code that it uses.", feed=True)]
