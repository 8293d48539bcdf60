"""The vocabulary in: every request to the system, as written to `buystream.commands`."""

# ruff: noqa: F403 - every message of these modules is one of the vocabulary's
from buystream.vocabulary.commands.buyers import *
from buystream.vocabulary.commands.codes import *
from buystream.vocabulary.commands.command import *
from buystream.vocabulary.commands.desk import *
from buystream.vocabulary.commands.door import *
from buystream.vocabulary.commands.downloads import *
from buystream.vocabulary.commands.editions import *
from buystream.vocabulary.commands.gifts import *
from buystream.vocabulary.commands.licences import *
from buystream.vocabulary.commands.members import *
from buystream.vocabulary.commands.merchants import *
from buystream.vocabulary.commands.orders import *
from buystream.vocabulary.commands.parcels import *
from buystream.vocabulary.commands.partition import *
from buystream.vocabulary.commands.payments import *
from buystream.vocabulary.commands.tickets import *
