"""The one place that wires everything: a supervisor, and the processes that it starts.

`supervisor.Supervisor.run` is the node, from its start to its end. Nothing is imported here,
so that a node which has just begun to start can take a signal before it imports the rest.
"""
