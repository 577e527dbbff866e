"""The examples in the docstrings of the package and in docs/dictionary.md."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import atlas_dictionary

MODULES = sorted(
    module.name for module in pkgutil.walk_packages(atlas_dictionary.__path__, "atlas_dictionary.")
)


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_the_guide():
    guide = Path(__file__).parents[3] / "docs" / "dictionary.md"
    blocks = re.findall(r"^```pycon\n(.*?)^```", guide.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    examples = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, guide.name, None, 0)
    results = doctest.DocTestRunner().run(examples)
    assert results.attempted > 10
    assert results.failed == 0
