"""The vocabulary out: every decision, as written to `buystream.events`.

An event belongs to one aggregate (`originator_id`, dense `originator_version`). Events about an order or a payment
also count in their edition's dense version, because the edition is what keeps them consistent."""

# ruff: noqa: F403 - every message of these modules is one of the vocabulary's
from buystream.vocabulary.events.buyers import *
from buystream.vocabulary.events.campaigns import *
from buystream.vocabulary.events.codes import *
from buystream.vocabulary.events.desk import *
from buystream.vocabulary.events.disputes import *
from buystream.vocabulary.events.door import *
from buystream.vocabulary.events.downloads import *
from buystream.vocabulary.events.editions import *
from buystream.vocabulary.events.event import *
from buystream.vocabulary.events.gifts import *
from buystream.vocabulary.events.licences import *
from buystream.vocabulary.events.members import *
from buystream.vocabulary.events.merchants import *
from buystream.vocabulary.events.orders import *
from buystream.vocabulary.events.parcels import *
from buystream.vocabulary.events.partition import *
from buystream.vocabulary.events.payments import *
from buystream.vocabulary.events.refunds import *
from buystream.vocabulary.events.tickets import *
