"""The configuration of the node: one typed model, one loader, one table of settings.

`load_config` reads config.yaml and the environment into a `Config`; every other part is handed
the section that it needs. The reference in docs/configuration.md is made from the same model.
"""

from atlas_node.config.contradictions import LOG_ROUTE
from atlas_node.config.loader import load_config
from atlas_node.config.models import (
    AnnotateSettings,
    Asker,
    CommitmentSettings,
    Config,
    Destination,
    DictionarySettings,
    IndexKey,
    Limits,
    LogSettings,
    Match,
    MoveDestination,
    NodeSettings,
    Peer,
    QueryLevel,
    QueryRoute,
    QueryService,
    QuerySettings,
    ReportTo,
    Retention,
    Retry,
    Route,
    Service,
    SpoolSettings,
    Timeouts,
    Tls,
    Upstream,
)
from atlas_node.config.reference import Setting, settings_table
from atlas_node.config.web import Auth, WebRole, WebSettings, WebToken, WebUser

__all__ = [
    "LOG_ROUTE",
    "AnnotateSettings",
    "Asker",
    "Auth",
    "CommitmentSettings",
    "Config",
    "Destination",
    "DictionarySettings",
    "IndexKey",
    "Limits",
    "LogSettings",
    "Match",
    "MoveDestination",
    "NodeSettings",
    "Peer",
    "QueryLevel",
    "QueryRoute",
    "QueryService",
    "QuerySettings",
    "ReportTo",
    "Retention",
    "Retry",
    "Route",
    "Service",
    "Setting",
    "SpoolSettings",
    "Timeouts",
    "Tls",
    "Upstream",
    "WebRole",
    "WebSettings",
    "WebToken",
    "WebUser",
    "load_config",
    "settings_table",
]
