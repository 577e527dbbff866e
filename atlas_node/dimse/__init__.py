"""The DICOM network: everything that imports pynetdicom, and nothing else does.

`StorageScp` receives, a `Courier` delivers to one destination, `echo` asks whether a peer
answers. What was received is handed to a callable and what is delivered comes from the spool;
routes and log are no business of this package.
"""

from atlas_node.dimse.access import AccessList
from atlas_node.dimse.deliver import Courier
from atlas_node.dimse.peer import Peer
from atlas_node.dimse.scp import StorageScp, listen
from atlas_node.dimse.scu import echo

__all__ = ["AccessList", "Courier", "Peer", "StorageScp", "echo", "listen"]
