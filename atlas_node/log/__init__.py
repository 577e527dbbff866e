"""The annotation log: what was found in every received object, and where the object went.

`LogStore.open` gives the log; the node records into it, the terminal and the viewer ask it with
a `LogFilter`. docs/log.md describes its tables.
"""

from atlas_node.log.comparison import ComparedElement
from atlas_node.log.coverage import DeviceCoverage, Sample, UndecodedElement
from atlas_node.log.display import value_text, visible
from atlas_node.log.facets import CountedElement, Facets
from atlas_node.log.facts import Facts
from atlas_node.log.filters import LogFilter, parse_since, parse_status, parse_tag
from atlas_node.log.history import History, LoggedSeries, Point
from atlas_node.log.queries import LoggedElement, LoggedObject, Totals
from atlas_node.log.selection import Selection
from atlas_node.log.store import LogStore

__all__ = [
    "ComparedElement",
    "CountedElement",
    "DeviceCoverage",
    "Facets",
    "Facts",
    "History",
    "LogFilter",
    "LogStore",
    "LoggedElement",
    "LoggedObject",
    "LoggedSeries",
    "Point",
    "Sample",
    "Selection",
    "Totals",
    "UndecodedElement",
    "parse_since",
    "parse_status",
    "parse_tag",
    "value_text",
    "visible",
]
