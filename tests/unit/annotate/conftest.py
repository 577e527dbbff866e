"""One small dictionary for all tests of the engine, so that each says what it relies on."""

from pathlib import Path

import pytest

from atlas_dictionary import Dictionary, open_layers
from atlas_node.annotate import Annotator

ENTRIES = """\
group,element,creator,vr,vm,name
0019,xx01,ATLAS TEST,US,1,One Number
0019,xx02,ATLAS TEST,DS,1-n,Decimals
0019,xx03,ATLAS TEST,LO,1,Text
0019,xx04,ATLAS TEST,OB,1,Bytes
0019,xx05,ATLAS TEST,SQ,1,Sequence
0019,xx06,ATLAS TEST,FD,3,Three Numbers
0019,xx07,ATLAS TEST,UN,1,Name Alone
0019,xx08,ATLAS TEST,UT,1,Long Text
0021,xx01,ATLAS TEST,SH,1,Short Text
"""


@pytest.fixture(scope="session")
def dictionary(tmp_path_factory: pytest.TempPathFactory) -> Dictionary:
    path: Path = tmp_path_factory.mktemp("dictionary") / "test.csv"
    path.write_text(ENTRIES, encoding="utf-8")
    return open_layers([path])


@pytest.fixture(scope="session")
def annotator(dictionary: Dictionary) -> Annotator:
    return Annotator(dictionary)
