"""The viewer and its HTTP API: pages over the annotation log, without a build step.

The node starts a `WebServer` beside itself, `atlas-node web` calls `run_web`, tests take the bare
application from `create_app`. All of it only reads the log.
"""

from atlas_node.web.app import create_app
from atlas_node.web.server import WebServer, run_web

__all__ = ["WebServer", "create_app", "run_web"]
