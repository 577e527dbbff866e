"""A series as data, for the pages that plot one, list them or put two side by side."""

from __future__ import annotations

from typing import Any, Final

from atlas_node.log import LoggedSeries
from atlas_node.web.operation import COUNT, MOMENT, TEXT, record
from atlas_node.web.summary import iso

SERIES: Final = record(
    series_instance_uid=TEXT, study_instance_uid=TEXT, patient_id=TEXT, modality=TEXT,
    manufacturer=TEXT, model=TEXT, software_versions=TEXT, objects=COUNT, first_at=MOMENT,
    last_at=MOMENT,
)  # fmt: skip
"""The schema of what `series_view` returns."""


def series_view(series: LoggedSeries) -> dict[str, Any]:
    """Return a series with its times as ISO 8601."""
    return {
        "series_instance_uid": series.uid,
        "study_instance_uid": series.study_uid,
        "patient_id": series.patient_id,
        "modality": series.modality,
        "manufacturer": series.manufacturer,
        "model": series.model,
        "software_versions": series.software,
        "objects": series.objects,
        "first_at": iso(series.first_at),
        "last_at": iso(series.last_at),
    }
