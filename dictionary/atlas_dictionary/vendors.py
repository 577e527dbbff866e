"""Which vendor a private creator belongs to, for counts that a person reads.

Called by `reader` for ``atlas-dict info``. A creator is free text (PS3.5 7.8.1), so this goes by
its first letters, and says ``other`` where they tell nothing. No VR is chosen by it.
"""

from __future__ import annotations

import re

_VENDORS = (
    ("Siemens", "SIEMENS|SYNGO|CSA|SMS|SMIL|ACUSON|CARDIO-SMS|DIGISCAN|SIENET|MEDCOM|KINETDX"),
    ("GE", "GEMS|GEHC|GEIIS|GE[ _]|DLX|APPLICARE|MAROTECH|LOGIQ|QUASAR|HTTP://WWW.GEMED"),
    ("Philips", "PHILIPS|PMS|SPI|ADAC|ELSCINT|PICKER|ATL |STENTOR|PHHIS|CARDIO-D.R|INTEGRIS"),
    ("Canon", "CANON|TOSHIBA|PMTF|VITAL IMAGES"),
    ("Hitachi", "HITACHI|HMC|MMCPRIVATE"),
    ("Fujifilm", "FDMS|FUJI|SONOSITE|FFP"),
    ("Agfa", "AGFA|MITRA|AGILITY"),
    ("Hologic", "HOLOGIC|LORAD|R2 TECHNOLOGY"),
    ("Konica Minolta", "KONICA"),
    ("UIH", "UIH|IMAGE PRIVATE HEADER|COMMON PRIVATE HEADER|DB DICOM PRIVATE"),
    ("Varian", "VARIAN"),
    ("Kodak", "KODAK|EASTMAN|CARESTREAM"),
)
_PATTERNS = tuple((vendor, re.compile(start, re.IGNORECASE)) for vendor, start in _VENDORS)
OTHER = "other"


def vendor_of(creator: str) -> str:
    """Return the vendor of a private creator, ``other`` where it is not known.

    Examples
    --------
    >>> vendor_of("GEMS_PARM_01"), vendor_of("SIEMENS MR HEADER"), vendor_of("Silhouette V1.0")
    ('GE', 'Siemens', 'other')
    """
    return next((vendor for vendor, start in _PATTERNS if start.match(creator)), OTHER)
