"""Storage commitment, relayed: the push model of PS3.4 annex J, in both of its roles.

For a scanner the node is the SCP, for an archive the SCU; it commits nothing by itself. A
`CommitmentProvider` serves the associations that peers open, in every receiver; one
`CommitmentRelay` asks the archives and calls the scanners. They meet in the `CommitmentStore`.
"""

from atlas_node.dimse.commitment.provider import Archives, CommitmentProvider
from atlas_node.dimse.commitment.relay import CommitmentRelay, is_needed

__all__ = ["Archives", "CommitmentProvider", "CommitmentRelay", "is_needed"]
