"""Importers: one module a published form of dictionary, each giving a `SourceTable`.

An importer reads what the publisher wrote as it stands, normalises keys, VRs and VMs, and reports
what it cannot read with file and line. It merges nothing: that is `resolution`'s work.
"""
