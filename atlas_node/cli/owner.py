"""Commands of root that write into a spool.

A node seldom runs as root, and what root makes in its spool it can neither read nor remove: an
order would never be carried out. `queue` and `commitment` call `act_as_owner` before they write.
The rule: a spool holds nothing but what its owner has made.
"""

from __future__ import annotations

import os
from pathlib import Path

from atlas_node.errors import SpoolError


def act_as_owner(spool: Path) -> None:
    """Go on as the user whose spool it is, when we are root; for the rest of the command.

    Raises
    ------
    SpoolError
        When root may not, as in a container that leaves it no such capability.
    """
    if os.geteuid() or not spool.exists():
        return
    owner = spool.stat()
    if owner.st_uid:
        try:
            os.setegid(owner.st_gid)
            os.seteuid(owner.st_uid)
        except OSError as error:
            raise SpoolError(
                f"cannot become user {owner.st_uid}, whose spool {spool} is: {error.strerror}; "
                "call this command as that user"
            ) from error
