"""Codes that make an order cheaper, or open what is hidden."""

from typing import Annotated

from buystream.vocabulary.actors import BUYER, MERCHANT
from buystream.vocabulary.codes import CODE_TERMS, CODE_TEXT, CodeId, CodeKey, CodeTerms
from buystream.vocabulary.commands.command import Command, asked
from buystream.vocabulary.fields import BY_CLIENT, BuyerId, EditionId, InTables, MerchantId, OrderId, meaning
from buystream.vocabulary.money import AMOUNT_REASONS
from buystream.vocabulary.reasons import CODE_REASONS, order_is_none_of


@asked(
    MERCHANT,
    about="edition_id",
    refusals=["unknown_edition", "cancelled", "bad_code", "code_id_conflict", "code_taken", "too_many_codes"],
)
class CreateCode(Command):
    """A code that buyers may use, or with `count` so many single-use codes. The caller chooses `code_id`, so that a
    repeat creates nothing."""

    edition_id: EditionId
    merchant_id: MerchantId
    code_id: Annotated[CodeId, BY_CLIENT]
    terms: Annotated[CodeTerms, CODE_TERMS]
    key: CodeKey = ""
    code_text: Annotated[str, CODE_TEXT] = ""
    count: Annotated[int, meaning("How many single-use codes; 0 for one code.", tables=InTables.SHOWN)] = 0
    prefix: Annotated[str, meaning("What single-use codes begin with.", tables=InTables.SHOWN)] = ""


@asked(MERCHANT, about="edition_id", refusals=["unknown_edition", "no_such_code"])
class DisableCode(Command):
    """New orders can't use the code, until it is enabled again."""

    edition_id: EditionId
    merchant_id: MerchantId
    code_id: CodeId
    disabled: Annotated[bool, meaning("Whether it is disabled.", tables=InTables.SHOWN)]


@asked(
    BUYER,
    about="order_id",
    refusals=[
        *order_is_none_of(frozenset({"held"})),
        *(*CODE_REASONS - {"wrong_discount"}, *AMOUNT_REASONS, "unknown_order", "code_too_late"),
    ],
)
class ApplyCode(Command):
    """Use a code for an order that is held and that nobody has begun to pay; it takes the place of another one. The
    hold stays as it is."""

    order_id: OrderId
    buyer_id: BuyerId
    code: CodeKey
