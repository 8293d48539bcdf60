"""Who asks for the load's commands."""

from buystream.log import Message
from buystream.vocabulary import actors
from buystream.vocabulary.codec import encode_command
from buystream.vocabulary.commands import Command, permits
from buystream.vocabulary.ids import new_command_id


def actor_of(command: Command) -> str:
    """Who may ask for it: the buyer whose it is, the operator, or else the provider."""
    buyer_id = getattr(command, "buyer_id", "")
    if buyer_id and permits(command, actors.buyer(buyer_id)):
        return actors.buyer(buyer_id)
    return actors.OPERATOR if permits(command, actors.OPERATOR) else actors.PROVIDER


def message_of(command: Command, key: str = "") -> Message:
    """The command as a new one, for the log."""
    return Message(encode_command(command, actor=actor_of(command), command_id=new_command_id()), key)
