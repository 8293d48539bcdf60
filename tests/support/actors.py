"""Who asks for a command in a test: the first of those who may."""

from buystream.api_keys import FIRST_KEY_ID
from buystream.vocabulary import actors
from buystream.vocabulary.commands import Command
from tests.support.examples import MERCHANT

ROLES = (
    actors.BUYER,
    actors.MERCHANT,
    *sorted(actors.OF_MERCHANTS - {actors.MERCHANT}),
    actors.PROVIDER,
    actors.OPERATOR,
    actors.SYSTEM,
)


def actor_of(command: Command, *, merchant_id: str = MERCHANT) -> str:
    """Somebody who may ask for the command; `merchant_id` owns what a command names that names no merchant."""
    role = next(role for role in ROLES if role in command.by)
    if role == actors.BUYER:
        return actors.buyer(command.buyer_id)  # type: ignore[attr-defined]
    if role == actors.MERCHANT:
        return actors.merchant_key(getattr(command, "merchant_id", merchant_id), FIRST_KEY_ID)
    return actors.system("tests") if role == actors.SYSTEM else role
