"""How a campaign ends, in its edition."""

from typing import Annotated

from buystream.vocabulary.events.editions import EditionEvent
from buystream.vocabulary.fields import Outcome, RaisedMinor, meaning


class CampaignReached(EditionEvent):
    """What was given or pledged has reached the target."""

    raised_minor: RaisedMinor


class CampaignEnded(EditionEvent):
    """The campaign has ended. Outcomes: reached, missed."""

    outcome: Outcome
    raised_minor: RaisedMinor
    givers: Annotated[int, meaning("Number of givers and pledgers.", feed=True)]
