"""The list of erased buyers outside the database: a text file, one buyer's id per line, written at each erasure. It
names nobody, because nothing readable is left under these ids. `restore` erases them again in an older backup."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from buystream.errors import BuystreamError
from buystream.log import COMMANDS, Log, Message
from buystream.vault import Vault
from buystream.vocabulary import codec, commands
from buystream.vocabulary.actors import OPERATOR
from buystream.vocabulary.ids import MalformedId, partition_of


class BadErasedList(BuystreamError):
    """The file is not a list of erased buyers."""


def read_erased(file: Path) -> list[str]:
    """The ids in the file; none when there is no file. Raises BadErasedList."""
    try:
        lines = file.read_text().split()
    except FileNotFoundError:
        return []
    except UnicodeDecodeError:
        raise BadErasedList(f"{file} is not a list of erased buyers: it isn't text") from None
    for line in lines:
        if not _is_buyer(line):
            raise BadErasedList(f"{file} is not a list of erased buyers: {line[:40]!r} is no buyer's id")
    return list(dict.fromkeys(lines))


def add_erased(file: Path, buyer_id: str) -> None:
    """Add the id, unless it is listed; it is on the disk when this returns."""
    if buyer_id in read_erased(file):
        return
    with file.open("a") as listed:
        listed.write(f"{buyer_id}\n")
        listed.flush()
        os.fsync(listed.fileno())


def erase_again(buyer_ids: Iterable[str], vault: Vault, log: Log) -> Sequence[str]:
    """Erase these where a backup brought them back: the keys now, the rest when the shop runs. The ids that the vault
    didn't list as erased."""
    listed = set(vault.erased())
    returned = [buyer_id for buyer_id in dict.fromkeys(buyer_ids) if buyer_id not in listed]
    for buyer_id in returned:
        partition = partition_of(buyer_id)
        if partition >= log.partitions:
            raise BadErasedList(f"{buyer_id} is no buyer of this shop: it has {log.partitions} partitions")
        command = commands.EraseBuyer(buyer_id=buyer_id)
        record = codec.encode_command(command, command_id=f"restored:{buyer_id}", actor=OPERATOR)
        log.append(COMMANDS, partition, [Message(record)])
    for buyer_id in [*listed, *returned]:
        vault.erase(buyer_id)
    return returned


def _is_buyer(text: str) -> bool:
    try:
        partition_of(text)
    except MalformedId:
        return False
    return text.startswith("by")
