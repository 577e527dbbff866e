"""Private creators in words: what a heading says, and what a creator looks like by itself.

`creators` and the layouts ask it about texts alone, without their place in the document. A text
that might as well be a remark is no creator.
"""

import re

_LABEL = (
    r"private\s+(?:creator|owner|group|gruppe|grupo)"
    r"(?:\s+(?:identification|identifier|indentification|id|code|name|data|element|elements|"
    r"group|groups|attribute|attributes|tag|tags|number|value|for|block|module))*"
)
_IS_LABEL = re.compile(rf"^[>\s]*{_LABEL}\b|\bcreator\s*(?:id|code|identification)?\b", re.I)
_LABELLED = re.compile(
    rf"{_LABEL}\s*(?P<mark>[:=(\[\"'\u201c\u2018\u2013-]*\s*[\"'\u201c\u2018(]*)(?P<rest>.*)", re.I
)
_PRIVATE = re.compile(r"\bprivate\b", re.I)
_QUOTED = re.compile(
    r"[(\[\"'\u201c\u2018](?P<creator>[^()\[\]\"\u201c\u201d]+)[)\]\"'\u201d\u2019]"
)
_BEFORE = re.compile(
    r"^(?P<creator>.+?)\s+private\s+(?:group|attribute|data|element|tag|module)", re.I
)
_NUMBER = re.compile(
    r"^(?:(?:appendix|annex|section|chapter|anhang|kapitel|annexe)\s+)?"
    r"(?P<number>(?:[A-Z]|\d{1,2})(?:\s?\.\s?\d{1,3})*)\.?\s+(?=[^\W\d])",
    re.I,
)
_CAPTION = re.compile(r"^(?:table|tabelle|tableau|tabla|tabella)\s+[\w.\-]+", re.I)
_LEADERS = re.compile(r"\.{4,}|(?:\. ){4,}|\u2026{2,}")
_SHAPE = re.compile(r"[A-Za-z][ -\[\]-~]{1,63}")
_STOP = frozenset(
    {"identification", "identifier", "definition", "description", "attributes", "elements"}
    | {"data", "value", "zero", "length", "matched", "returned", "none", "yes", "no", "n/a"}
    | {"optional", "required", "always", "module", "group", "type", "tag", "name"}
)
_REMARK = re.compile(
    r"\b(?:is|are|the|of|used|see|by|from|if|set|present|generated|always|zero|length|copied|"
    r"value|empty|same|for|and|with|note)\b",
    re.I,
)
_LONGEST_HEADING = 160


def is_creator(text: str) -> bool:
    """Whether a text is a private creator beyond doubt, seen without any label.

    A value of VR LO, at most 64 characters of the default repertoire, in capitals with a digit,
    an underscore or a colon ("GEMS_IDEN_01", "SIEMENS MR HEADER 1"), in capitals and at least
    two words, or words that end in a number of two or more digits ("Philips Imaging DD 001").
    """
    text = text.strip()
    if not _SHAPE.fullmatch(text) or len(text) < 5 or _IS_LABEL.search(text):
        return False
    if re.search(r"[.;!?]\s|\s\(", text):
        return False
    letters = [c for c in text if c.isalpha()]
    if sum(c.isupper() for c in letters) >= 0.7 * len(letters):
        return bool(re.search(r"[\d_:]", text)) or len(text.split()) >= 2
    return bool(re.fullmatch(r"[A-Z]\w*(?: [A-Z]\w*)+ \d{2,4}", text))


def creator_of_line(text: str) -> str | None:
    """Give the creator that a heading, caption or single cell names; None when it names none."""
    text = _CAPTION.sub("", _NUMBER.sub("", text.replace("\t", " ").strip())).strip(" .:-\u2013")
    if not _PRIVATE.search(text) or len(text) > _LONGEST_HEADING:
        return None
    if labelled := _LABELLED.search(text):
        rest = labelled["rest"].strip()
        marked = bool(labelled["mark"].strip(" -\u2013"))
        candidate = re.split(r"[)\]\"\u201d]", rest)[0].strip(" '\u2019.") if marked else rest
        if may_be_creator(candidate) and (
            is_creator(candidate) or (marked and is_one_name(candidate))
        ):
            return candidate
    for quoted in _QUOTED.finditer(text):
        if is_creator(quoted["creator"]):
            return quoted["creator"].strip()
    before = _BEFORE.match(text)
    return before["creator"] if before and is_creator(before["creator"]) else None


def may_be_creator(text: str) -> bool:
    """Whether a text in the place of a creator can be one: a value of VR LO, no stock phrase."""
    words = set(text.casefold().split())
    return bool(_SHAPE.fullmatch(text)) and not words <= _STOP


def is_one_name(text: str) -> bool:
    """Whether a marked text is a name and not a remark or the start of a sentence."""
    return len(text.split()) <= 6 and not _REMARK.search(text)


def is_label(text: str) -> bool:
    """Whether the name of a row is "Private Creator" in one of its wordings."""
    return _IS_LABEL.search(text) is not None


def is_caption(text: str) -> bool:
    """Whether a line is the caption of a table."""
    return _CAPTION.match(text) is not None


def is_heading_length(text: str) -> bool:
    """Whether a line can be a heading, neither too long nor of a table of contents."""
    return len(text) <= _LONGEST_HEADING and not _LEADERS.search(text)


def section_depth(text: str) -> int:
    """Give the depth of a numbered heading: 1 for "3 Title", 3 for "B.1. 1 Title", 0 for none."""
    number = _NUMBER.match(text)
    return 1 + number["number"].count(".") if number else 0
