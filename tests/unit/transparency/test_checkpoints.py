"""Checkpoints: the specification's example, and what is refused."""

import pytest

from buystream.transparency.checkpoints import BadCheckpoint, Checkpoint, checkpoint_of, read_checkpoint
from buystream.transparency.merkle import EMPTY_ROOT
from buystream.transparency.notes import SignedNote

EXAMPLE = """\
example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa \
Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
"""
"""From https://c2sp.org/tlog-checkpoint."""


def test_the_specifications_example_is_read() -> None:
    note, checkpoint = read_checkpoint(EXAMPLE.encode())
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20_852_163)
    assert checkpoint.text == note.text
    assert str(note) == EXAMPLE


def test_extension_lines_are_kept() -> None:
    checkpoint = Checkpoint("shop.example", 0, EMPTY_ROOT, ("more",))
    assert checkpoint_of(SignedNote(checkpoint.text, ())) == checkpoint


@pytest.mark.parametrize(
    ("before", "after"),
    [
        *(("20852163", "020852163"), ("20852163", "-1"), ("20852163", "1٣"), ("20852163", "")),
        *(
            ("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=", "CsUY"),
            ("2I=", "2J="),
            ("example.com/behind-the-sofa\n2", "2"),
        ),
    ],
)
def test_what_is_no_checkpoint_is_refused(before: str, after: str) -> None:
    with pytest.raises(BadCheckpoint):
        read_checkpoint(EXAMPLE.replace(before, after, 1))
