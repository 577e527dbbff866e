"""Received objects as annotation would hand them to the log."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from atlas_node.log import LogStore
from atlas_node.model import AnnotatedObject, ElementRecord, ElementStatus, Envelope, Identity

MakeElement = Callable[..., ElementRecord]
MakeObject = Callable[..., AnnotatedObject]


@pytest.fixture
def make_element() -> MakeElement:
    def make(path="(0019,100a)", value=(36,), **changes) -> ElementRecord:
        tag = path[-11:]
        given = {
            "path": path,
            "creator": "SIEMENS MR HEADER",
            "key": f"{tag[:6]}xx{tag[8:]}",
            "vr_before": "UN",
            "vr": "US",
            "vm": "1",
            "name": "Number Of Images In Mosaic",
            "status": ElementStatus.DECODED,
            "reason": "",
            "value": None if value is None else list(value),
            "truncated": False,
            "sources": ("pydicom", "dicom3tools"),
            "confidence": 0.99,
        }
        return ElementRecord(**(given | changes))

    return make


@pytest.fixture
def make_object() -> MakeObject:
    def make(object_id="o1", elements=(), received_at=1_700_000_000.0, **said) -> AnnotatedObject:
        counts = {"private": len(elements)}
        for status in ElementStatus:
            counts[status.value] = sum(element.status is status for element in elements)
        return AnnotatedObject(
            object_id=object_id,
            envelope=Envelope(
                received_at=received_at,
                calling_ae=said.pop("calling_ae", "MR1"),
                called_ae="ATLAS",
                peer="192.0.2.7",
                sop_class_uid="1.2.840.10008.5.1.4.1.1.4",
                sop_instance_uid=f"1.2.3.{object_id[1:]}",
                transfer_syntax_uid="1.2.840.10008.1.2.1",
            ),
            identity=Identity(
                **{
                    "sop_class_uid": "1.2.840.10008.5.1.4.1.1.4",
                    "sop_instance_uid": f"1.2.3.{object_id[1:]}",
                    "study_instance_uid": "1.2.3",
                    "series_instance_uid": "1.2.3.4",
                    "patient_id": "PAT-007",
                    "modality": "MR",
                    "manufacturer": "SIEMENS",
                    "model": "Prisma",
                    "software_versions": "syngo MR E11",
                    "private_creators": tuple(dict.fromkeys(e.creator for e in elements)),
                }
                | said
            ),
            size=531_000,
            changed=True,
            error=None,
            counts=counts,
            elements=tuple(elements),
        )

    return make


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/log.db"


@pytest.fixture
def store(url: str) -> Iterator[LogStore]:
    with LogStore.open(url) as opened:
        yield opened
