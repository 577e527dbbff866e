"""The one place that wires everything: a supervisor, and the receivers and forwarders it starts.

`supervisor.Supervisor.run` is the node, from its start to its end. Nothing is imported here: each
process imports what it needs, and a receiver needs no database.
"""
