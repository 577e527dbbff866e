"""A log of two scanners, and what it must answer, counted here object by object."""

import random
from collections import Counter
from itertools import combinations

from atlas_node.log import LogStore, Selection
from atlas_node.log.selection import FACETS
from atlas_node.model import AnnotatedObject, ElementStatus

DEVICES = (
    {"manufacturer": "SIEMENS", "model": "Prisma", "software_versions": "E11"},
    {"manufacturer": "SIEMENS", "model": "Prisma", "software_versions": "XA30"},
    {"manufacturer": "GE", "model": "", "software_versions": "DV26"},
)
STATUSES = tuple(ElementStatus)


def things(make_object, make_element, count: int = 120) -> list[AnnotatedObject]:
    """Return objects of a dozen series; the b-value (0019,100c) differs from object to object."""
    chance = random.Random(7)
    made = []
    for number in range(count):
        series = number // 10
        kinds = random.Random(series)
        elements = [
            make_element("(0019,100c)", [50 * (number % 3)], vr="IS", name="B Value"),
            make_element("(0019,100b)", [number % 10], vr="FL", name="Slice"),
        ]
        for offset in range(kinds.randrange(5)):
            status = kinds.choice(STATUSES)
            left = status is not ElementStatus.DECODED
            value = [f"{chance.randrange(1 << 16):04x}"]
            elements.append(
                make_element(
                    f"(0043,10{offset:02x})", value, creator="GEMS_PARM_01", status=status,
                    vr="UN" if left else "US", name="" if left else f"Thing {offset}",
                )
            )  # fmt: skip
        made.append(
            make_object(
                f"o{number}", elements, received_at=1000.0 + number,
                series_instance_uid=f"1.2.{series}", **DEVICES[series % 3],
            )
        )  # fmt: skip
    return made


def said(thing: AnnotatedObject, element) -> dict[str, str]:
    """Return what each facet says of an element."""
    return {
        "manufacturer": thing.identity.manufacturer, "model": thing.identity.model,
        "software": thing.identity.software_versions, "creator": element.creator,
        "group": element.key[1:5], "element": element.key, "name": element.name,
        "vr": element.vr, "status": element.status.value,
    }  # fmt: skip


def check_facets(store: LogStore, made: list[AnnotatedObject]) -> None:
    """Compare the counts of every facet, under every one and two conditions."""
    rows = [(thing, said(thing, element)) for thing in made for element in thing.elements]
    values = {name: sorted({row[name] for _, row in rows}) for name in FACETS}
    chance = random.Random(3)
    pairs = [{}, *({a: chance.choice(values[a]), b: chance.choice(values[b])}
                   for a, b in combinations(FACETS, 2)),
             *({name: value} for name in FACETS for value in values[name])]  # fmt: skip
    for conditions in pairs:
        for since in (None, 1000.0, 1047.0, 5000.0):
            asked = conditions if since is None else {**conditions, "since": f"@{since}"}
            selection = Selection.from_text(conditions)
            if since is not None:
                selection = Selection(**{**_fields(selection), "since": since})
            found = store.facets(selection)
            fresh = [it for it in rows if since is None or it[0].envelope.received_at >= since]
            for name in FACETS:
                rest = {key: value for key, value in conditions.items() if key != name}
                counted = Counter(row[name] for _, row in fresh if rest.items() <= row.items())
                assert dict(found.values[name]) == counted, (asked, name)
            fitting = [(thing, row) for thing, row in fresh if conditions.items() <= row.items()]
            assert sum(found.by_status.values()) == len(fitting), asked
            assert found.objects == len({thing.object_id for thing, _ in fitting}), asked
            assert sum(it.count for it in found.elements) == len(fitting), asked


def check_coverage(store: LogStore, made: list[AnnotatedObject]) -> None:
    """Compare the counts of each device, and of each element that stayed unknown."""
    for since in (None, 1047.0):
        fresh = [it for it in made if since is None or it.envelope.received_at >= since]
        found = store.coverage(Selection(since=since))
        assert {
            (it.manufacturer, it.model, it.software): (it.objects, it.by_status) for it in found
        } == {
            key: (
                sum(_device(it) == key for it in fresh),
                {
                    status: sum(
                        e.status is status for it in fresh if _device(it) == key
                        for e in it.elements
                    )
                    for status in ElementStatus
                },
            )
            for key in {_device(it) for it in fresh}
        }  # fmt: skip
        unknown = ElementStatus.UNKNOWN
        left, there_are = store.undecoded(Selection(since=since, status=unknown), 100)
        by_key = Counter(
            (e.creator, e.key) for it in fresh for e in it.elements if e.status is unknown
        )
        assert {(it.creator, it.key): it.elements for it in left} == by_key
        assert there_are == len(by_key)
        for it in left:
            logged = {
                tuple(e.value) for thing in made for e in thing.elements
                if (e.creator, e.key) == (it.creator, it.key)
            }  # fmt: skip
            assert it.samples
            assert {tuple(sample.value) for sample in it.samples} <= logged


def check_history(store: LogStore) -> None:
    """Compare the plot of the b-value, over a series, by slice, and over time."""
    named = ("SIEMENS MR HEADER", "(0019,xx0c)")
    found = store.values_over_series("1.2.3", named, ("SIEMENS MR HEADER", "(0019,xx0b)"))
    assert [(p.number, p.value, p.by) for p in found.points] == [
        (place, [50 * ((30 + place - 1) % 3)], float(place - 1)) for place in range(1, 11)
    ]
    assert found.name == "B Value"
    assert ("SIEMENS MR HEADER", "(0019,xx0b)", "Slice") in found.numeric
    over = store.values_over_time(Selection(creator=named[0], element=named[1]), 100)
    assert [(p.received_at, p.value) for p in over.points] == [
        (1000.0 + n, [50 * (n % 3)]) for n in range(0, 120, 10)
    ]
    some = store.values_over_time(Selection(creator=named[0], element=named[1]), 5)
    assert (some.read, some.there_are) == (4, 12)
    assert some.points[-1].received_at == 1110.0
    listed = store.series_with(Selection(element="(0019,xx0c)", manufacturer="GE"), 2)
    assert [(it.uid, it.objects) for it in listed] == [("1.2.11", 10), ("1.2.8", 10)]
    assert store.series("1.2.3").objects == 10
    assert store.series("9.9") is None
    assert store.series("") is None


def _fields(selection: Selection) -> dict[str, object]:
    return {name: getattr(selection, name) for name in (*FACETS, "since")}


def _device(thing: AnnotatedObject) -> tuple[str, str, str]:
    it = thing.identity
    return it.manufacturer, it.model, it.software_versions
