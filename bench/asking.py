"""Who asks for the load's commands."""

from buystream.log import Message
from buystream.vocabulary import actors
from buystream.vocabulary.codec import encode_command
from buystream.vocabulary.commands import Command, PlaceOrder
from buystream.vocabulary.ids import new_command_id


def actor_of(command: Command) -> str:
    """The buyer of an order; the operator of anything else."""
    return actors.buyer(command.buyer_id) if isinstance(command, PlaceOrder) else actors.OPERATOR


def message_of(command: Command, key: str = "") -> Message:
    """The command as a new one, for the log."""
    return Message(encode_command(command, actor=actor_of(command), command_id=new_command_id()), key)
