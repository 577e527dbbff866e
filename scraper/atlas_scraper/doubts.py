"""What makes a row less than certain, and by how much.

Every reason that `emit` and `creators` found goes with the element, in words; its confidence is
the product of their factors. The factors order rows for a reader; they are no probabilities.
"""

from enum import Enum


class Doubt(Enum):
    """A reason and its factor."""

    TEXT_LINE = ("read from a line of text, without ruling", 0.97)
    NO_HEADING = ("no heading names the columns", 0.85)
    NO_VR = ("the document gives no VR", 0.85)
    BAD_VR = ("the VR cannot be read", 0.6)
    BAD_VM = ("the VM cannot be read", 0.9)
    NO_NAME = ("the document gives no name", 0.8)
    NO_CREATOR = ("no creator is named for it", 0.6)
    CREATOR_FROM_HEADING = ("the creator stands in the heading of the section", 0.99)
    CREATOR_FROM_EARLIER_TABLE = ("the creator stands in an earlier table of the section", 0.9)
    CREATOR_FROM_OTHER_SECTION = ("the creator of the block stands in another section", 0.8)
    SEVERAL_CREATORS = ("several creators are named for the group; the last one is taken", 0.7)
    NO_BLOCK = ("the element number is written 00ee, read as xxee", 0.85)
    REPAIRED_TAG = ("a letter in the tag is read as the digit it looks like", 0.85)
    CREATOR_PLAIN = ("the creator's row gives it in words that nothing marks", 0.8)
    CREATOR_BROKEN = ("a line break divides the creator", 0.8)
    CREATOR_IN_NOTE = ("the creator stands in the note of the element", 0.95)
    CREATOR_ABOVE = ("the creator stands in a row above", 0.95)
    GROUP_ABOVE = ("the group stands in a row above", 0.95)
    GROUP_FROM_HEADING = ("the group stands in the heading of the section", 0.9)
    OTHER_NAME = ("the table gives this tag more than one name", 0.4)
    CONTRADICTORY_TABLE = ("several tags of the table have more than one name", 0.5)

    @property
    def reason(self) -> str:
        """The reason in words."""
        return str(self.value[0])

    @property
    def factor(self) -> float:
        """What it leaves of the confidence."""
        return float(self.value[1])
