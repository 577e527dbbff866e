"""The one place that wires everything: a supervisor and its worker processes.

`Supervisor.run` is the node, from its start to its end.
"""

from atlas_node.node.supervisor import Supervisor

__all__ = ["Supervisor"]
