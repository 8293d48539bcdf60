"""What messages say of licences: one for each unit of an order, counted from 1 over all of its lines."""

from typing import Annotated

from buystream.vocabulary.fields import InTables, meaning

LicenceNumber = Annotated[
    int, meaning("Which of its order's licences it is, counted from 1 over all units.", feed=True)
]
Instance = Annotated[
    str,
    meaning("A keyed hash of what the software calls the place where it is installed.", tables=InTables.LEFT_OUT),
]
Activations = Annotated[int, meaning("In how many places the licence is used from now on.", feed=True)]
Disabled = Annotated[bool, meaning("Whether the licence is disabled from now on.", feed=True)]
