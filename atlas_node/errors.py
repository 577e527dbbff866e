"""The few errors of Atlas Node, telling our fault from the peer's and from the user's.

They are raised where the cause is known and turned into a DIMSE status (`dimse.status`) or an
exit code (`cli`) in one place. Every message is one line that names what was wrong, where, and
what to do about it; it never carries the value of a data element.
"""


class AtlasError(Exception):
    """Base of every error that a user of Atlas Node can meet."""


class ConfigurationError(AtlasError):
    """The configuration cannot be used: the message names file, line and key."""


class MalformedStreamError(AtlasError):
    """Encoded bytes are not the data set that their transfer syntax promises.

    Parameters
    ----------
    message : str
        What was expected and what was found.
    offset : int
        Offset in bytes from the start of the encoded data set.
    """

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(f"{message} at offset {offset}")
        self.offset = offset


class SpoolError(AtlasError):
    """The spool cannot be read or written: our fault, and the object was not accepted."""


class SpoolFullError(SpoolError):
    """A limit of the spool or its disk is reached: the sender is told 0xA700."""


class DamagedObjectError(SpoolError):
    """The file of an accepted object is missing or cut short: trying again does not help."""


class UnreadableObjectError(SpoolError):
    """The disk does not give back the bytes of an accepted object: trying again may help."""


class LogError(AtlasError):
    """The annotation log cannot be opened, read or written."""


class PeerError(AtlasError):
    """The peer cannot be reached, or refused, aborted or timed out; trying again may help."""
