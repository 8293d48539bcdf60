"""Which shop a log is of: the id in its first OpenShop, which names the shop in the source of every event. The first
owner of a partition writes one; the order of the log says which of several is the first."""

from buystream.log import COMMANDS, Log, Message, read_all
from buystream.vocabulary import actors, codec, commands
from buystream.vocabulary.ids import is_shop_id, new_command_id, new_shop_id

PARTITION = 0
"""Where it stands."""

AT_ONCE = 100
"""Records read at once: it is among the first."""


def find_shop_id(log: Log) -> str | None:
    """The shop's id; None while nobody has opened it. Raises LogUnavailable."""
    for record in read_all(log, COMMANDS, PARTITION, at_once=AT_ONCE):
        if b"OpenShop" not in record.value:
            continue
        try:
            command = codec.read_command(record.value).data
        except codec.Unreadable:
            continue
        if isinstance(command, commands.OpenShop) and is_shop_id(command.shop_id):
            return command.shop_id
    return None


def shop_id_of(log: Log) -> str:
    """The shop's id; opens the shop if nobody has. Raises LogUnavailable, after which it may be open."""
    while (found := find_shop_id(log)) is None:
        command = commands.OpenShop(shop_id=new_shop_id())
        record = codec.encode_command(command, command_id=new_command_id(), actor=actors.system("decider"))
        log.append(COMMANDS, PARTITION, [Message(record)])
    return found
