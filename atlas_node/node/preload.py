"""What the other processes are made of, imported once, before any of them is forked.

The fork server imports this and nothing else does. The rule: importing it starts no thread, opens
no file and connects to nothing, for a fork would share that.
"""

import gc

import atlas_node.node.commitment
import atlas_node.node.forwarder
import atlas_node.node.queries
import atlas_node.node.receiver  # noqa: F401

# What is here stays for ever: a collector that looks at it would copy its pages to each process.
gc.collect()
gc.freeze()
