"""pynetdicom's process-wide switches, set in one place.

`apply` is called by whatever opens or accepts associations, before it does.
"""

from __future__ import annotations

import logging
import warnings
from typing import Final

import pydicom.config
from pynetdicom import _config
from pynetdicom.ae import ApplicationEntity

from atlas_node.config import NodeSettings
from atlas_node.encoding.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

_SILENT: Final = logging.CRITICAL + 1


def apply() -> None:
    """Make pynetdicom accept all storage and keep its many words to itself.

    Its log would show traces of every broken connection and parts of data sets; what matters of
    it is said by this package in lines of its own.
    """
    _config.LOG_HANDLER_LEVEL = "none"
    _config.UNRESTRICTED_STORAGE_SERVICE = True
    _config.LOG_REQUEST_IDENTIFIERS = False
    _config.LOG_RESPONSE_IDENTIFIERS = False
    logging.getLogger("pynetdicom").setLevel(_SILENT)
    # pydicom reads command sets and the data sets of storage commitment; its warnings quote what
    # the peer sent.
    logging.getLogger("pydicom").setLevel(_SILENT)
    warnings.filterwarnings("ignore", module=r"pydicom\.")
    # VRs come from the node's own dictionary and from nowhere else.
    pydicom.config.replace_un_with_known_vr = False
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE


def application_entity(
    node: NodeSettings, ae_title: str, kind: type[ApplicationEntity] = ApplicationEntity
) -> ApplicationEntity:
    """Return an application entity with our name, implementation and timeouts."""
    apply()
    ae = kind(ae_title)
    ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    ae.acse_timeout = node.timeouts.acse
    ae.dimse_timeout = node.timeouts.dimse
    ae.network_timeout = node.timeouts.network
    ae.connection_timeout = node.timeouts.connect
    return ae
