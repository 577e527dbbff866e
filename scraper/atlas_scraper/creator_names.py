"""Private creators in words: what a heading says, and what a creator looks like by itself.

`creators` and the layouts ask it about texts alone, without their place in the document. A text
that might as well be a remark is no creator.
"""

import re

from atlas_scraper.known_creators import is_known, is_unmistakable, mended

_LABEL = (
    r"(?:private[sn]?\s+(?:creator|owner|group|gruppe|groupe|grupo|gruppo|block|creators|section|"
    r"attribute|attributes|element|elements|data|tags|tag|module|attribut\w*|datenelement\w*|"
    r"element\w*)\b"
    r"|(?:groupe|cr\u00e9ateur|attributs?|\u00e9l\u00e9ments?)\s+priv\u00e9\w*"
    r"|(?:creador|grupo|atributos?|elementos?)\s+privado\w*"
    r"|\u30d7\u30e9\u30a4\u30d9\u30fc\u30c8(?:\u30af\u30ea\u30a8\u30fc\u30bf|\u30bf\u30b0|\u5c5e\u6027)?"
    r"|shadow\s+(?:group|owner)|owner\s+code|creator\s+id|recognition\s+code)"
    r"(?:\s+(?:identification|identifier|indentification|id|code|name|data|element|elements|"
    r"group|groups|attribute|attributes|tag|tags|number|value|for|of|by|from|under|with|block|"
    r"module|the|private|creator|owner|von|f\u00fcr|der|de|du|para|is|are|used|defined|called|"
    r"named|uses|has|set|to|used\s+is)\b)*"
)
# What names a creator by a colon or an equals sign behind it, wherever it stands in a line.
_NAMING = re.compile(
    r"^.*\b(?P<what>creator|owner|private\s+identification|implementer|eigent\u00fcmer|ersteller|besitzer|"
    r"cr\u00e9ateur(?:\s+priv\u00e9)?|propri\u00e9taire|creador(?:\s+privado)?|propietario|"
    r"creatore(?:\s+privato)?|proprietario)"
    r"(?P<kind>(?:\s+(?:identification|identifier|data|element|id|code|name))*)"
    r"\s*[:=]\s*(?P<rest>\S.*)",
    re.I,
)
# What no creator begins with: a group's number, with the word before it or without.
_GROUP_FIRST = re.compile(
    r"^(?:(?:group|gruppe|groupe|grupo|gruppo)\b\W*(?:0x)?[0-9A-F]{4}h?\b|"
    r"(?:0x)?[0-9A-F]{3}[13579BDF]h?(?=[\s,;:)]|$))[\s,;:=)\u2013-]*",
    re.I,
)
_GROUP_AND_CREATOR = re.compile(
    r"^(?:group|gruppe|groupe|grupo|gruppo)\s+(?:0x)?[0-9A-F]{3}[13579BDF]h?\s*[:,(\u2013-]\s*"
    r"(?P<creator>[^()]+)\)?$",
    re.I,
)
_NOTE = re.compile(r"^(?:the\s+)?(?:private\w*|privat\w*)?\s*[^\W\d]+(?:\s\w+)?\s*[:=]", re.I)
_ABOUT_CREATORS = re.compile(
    r"\b(?:reserve\w*|identif\w*|creators?|owner|block|unused|text|string|"
    r"number|list|[0-9A-F]{4})\b",
    re.I,
)
_VALUE = re.compile(r"^(?:value|always|set\s+to|wert|valeur|valor|valore)\s*[:=]\s*", re.I)
_PIECE = re.compile(r"(?=[^_]*_)[A-Z0-9_]+")
_TAG = re.compile(r"[(\[]\s*[0-9A-F]{4}\s*,\s*[0-9A-FX]{4}\s*[)\]]", re.I)
_VERB = re.compile(r"\b(?:is|are|has|uses|used|set|shall|named|called)\b", re.I)
_COMPANY = re.compile(r"\b(?:co|inc|ltd|corp|llc|gmbh|s\.a|b\.v)\.$", re.I)
_IS_LABEL = re.compile(
    rf"^[>\s]*{_LABEL}\b|\bcreator\s*(?:id|code|identification)?\b|\bowner\s+(?:code|id)\b", re.I
)
_LABELLED = re.compile(
    rf"{_LABEL}\s*(?P<mark>[:=(\[\"'\u201c\u2018\u2013-]*\s*[\"'\u201c\u2018(]*)(?P<rest>.*)", re.I
)
_LABELS = re.compile(
    r"\b(?=private|groupe|cr\u00e9ateur|attribut|creador|grupo|shadow|owner|creator|recog)|(?=\u30d7\u30e9)",
    re.I,
)
_PRIVATE_WORD = re.compile(
    r"\bprivat\w*\b|\bpriv\u00e9\w*|\bshadow\b|\u30d7\u30e9\u30a4\u30d9\u30fc\u30c8", re.I
)
_PRIVATE = re.compile(
    r"\bprivat\w*\b|\bpriv\u00e9\w*|\bshadow\b|\bcreator\b|\bowner\b|\brecognition\b|"
    r"\u30d7\u30e9\u30a4\u30d9\u30fc\u30c8|\u79c1\u6709",
    re.I,
)
_QUOTED = re.compile(
    r"[(\[\"'\u201c\u2018\u00ab\u300c](?P<creator>[^()\[\]\"\u201c\u201d\u300d]+)"
    r"[)\]\"'\u201d\u2019\u00bb\u300d]"
)
_BEFORE = re.compile(
    r"^(?P<creator>.+?)[\s\u2013:-]+private?\s+(?:group|attribute|data|element|tag|module|creator)",
    re.I,
)
_SET_TO = re.compile(
    r"^(?:(?:always|is|is\s+)?\s*(?:set\s+to|fixed|constant|value|contains|equal\s+to|equals|"
    r"e\.g\.|example|default|always|generated|auto|fixed\s+value)(?:\s+is)?\s*[:=]?\s*)+|^[=:]\s*",
    re.I,
)
_NUMBER = re.compile(
    r"^(?:(?:appendix|annex|section|chapter|anhang|kapitel|annexe)\s+)?"
    r"(?P<number>(?:[A-Z]|\d{1,2})(?:\s?\.\s?\d{1,3})*)\.?\s+(?=[^\W\d])",
    re.I,
)
# "Table 7", "Table A.4-2", "Table B:"; a name such as "Table speed" is no caption.
_CAPTION = re.compile(
    r"^(?:table|tab\.|tabelle|tableau|tabla|tabella|tabela|\u8868)\s*"
    r"(?:[A-Z]{0,2}[.\-\u2013]?\s?\d[\w.\-\u2013]*|[A-Z](?=[:.]))",
    re.I,
)
_LEADERS = re.compile(r"\.{4,}|(?:\. ){4,}|\u2026{2,}")
_SHAPE = re.compile(r"[A-Za-z0-9][ -\[\]-~]{1,63}")
_STOP = frozenset(
    {"identification", "identifier", "definition", "description", "attributes", "elements"}
    | {"data", "value", "zero", "length", "matched", "returned", "none", "yes", "no", "n/a"}
    | {"optional", "required", "always", "module", "group", "type", "tag", "name"}
    | {"continued", "cont", "cont.", "cont'd", "fortsetzung"}
)
_REMARK = re.compile(
    r"\b(?:is|are|the|of|used|see|by|from|if|set|present|generated|always|zero|length|copied|"
    r"value|empty|same|for|and|with|note)\b",
    re.I,
)
_GROUP_NAMED = re.compile(
    r"\b(?:group|gruppe|groupe|grupo|gruppo)\b\D{0,12}?(?:0x)?(?P<group>[0-9A-F]{3}[13579BDF])h?\b",
    re.I,
)
_NUMBERED_WORDS = re.compile(r"[A-Z]\w*(?: [A-Z]\w*)+ \d{2,4}")
_IDENTIFIER = re.compile(r"(?=\S*_)[A-Z][\w.-]+")
_LONGEST_HEADING = 160
_QUOTES = " \"'\u201c\u201d\u2018\u2019\u00ab\u00bb"
# One word in capitals, as a creator may be, and the codes that tables say other things with.
_ONE_CODE = re.compile(r"[A-Z][A-Z0-9_.-]{2,63}")
_CODES = frozenset(
    {"ALWAYS", "ANAP", "VNAP", "EMPTY", "AUTO", "USER", "CONFIG", "FIXED", "GENERATED", "SAFE"}
    | {"UNSAFE", "NONE", "COPIED", "OPTIONAL", "REQUIRED", "ACQUISITION", "SYSTEM", "PRIVATE"}
    | {"UNKNOWN", "VALUE", "CREATOR", "YES", "NOT", "USED", "MODALITY", "DICOM", "MWL"}
)


def is_creator(text: str) -> bool:
    """Whether a text is a private creator beyond doubt, seen without any label.

    One that the dictionary knows; or a value of VR LO, at most 64 characters of the default
    repertoire, in capitals with a digit, an underscore or a colon ("GEMS_IDEN_01", "SIEMENS MR
    HEADER 1"), in capitals and at least two words, words that end in a number of two or more
    digits ("Philips Imaging DD 001"), or one word with an underscore ("BrainLAB_Conversion").
    """
    text = text.strip()
    if is_known(text):
        return True
    if not _SHAPE.fullmatch(text) or len(text) < 5 or _IS_LABEL.search(text):
        return False
    if re.search(r"[.;!?]\s|\s\(", text) or set(text.casefold().split()) & _STOP:
        return False
    letters = [c for c in text if c.isalpha()]
    if letters and sum(c.isupper() for c in letters) >= 0.7 * len(letters):
        return bool(re.search(r"[\d_:]", text)) or len(text.split()) >= 2
    return bool(_NUMBERED_WORDS.fullmatch(text) or _IDENTIFIER.fullmatch(text))


def creator_of_line(text: str) -> str | None:
    """Give the creator that a heading, caption or single cell names; None when it names none.

    It stands behind a label ("Private Creator: X", "Private Attributes of X", "owner: X"; the last
    of several), behind a group ("Group 0019: X"), in quotes or parentheses, before "private
    attributes", or alone where the dictionary knows it.
    """
    text = _CAPTION.sub("", _NUMBER.sub("", text.replace("\t", " ").strip())).strip(" :-\u2013")
    if is_unmistakable(text):
        return text
    if len(text) > _LONGEST_HEADING:
        return None
    text = " ".join(_TAG.sub(" ", text).split())
    if named := _named(text):
        return named
    grouped = _GROUP_AND_CREATOR.match(text)
    if grouped:
        # "Group 0019: IMAGE PARAMETERS" has the form of a creator too.
        creator = mended(grouped["creator"].strip(_QUOTES))
        odd = re.search(r"[\d_]", creator) or " - " in creator
        words = len(creator.split()) > 1
        if (is_known(creator) and words) or (odd and is_creator(creator)):
            return creator
    if not _PRIVATE.search(text):
        return None
    for label in _LABELS.finditer(text):
        labelled = _LABELLED.match(text, label.start())
        if labelled is None:
            continue
        rest = labelled["rest"].strip()
        marked = bool(labelled["mark"].strip(" -\u2013"))
        candidate = _candidate(rest, text[: labelled.start("rest")], marked=marked)
        if is_known(candidate) or (
            may_be_creator(candidate)
            and (is_creator(candidate) or (marked and is_one_name(candidate)))
        ):
            return candidate
    for quoted in _QUOTED.finditer(text):
        candidate = _candidate(quoted["creator"], "", marked=True)
        if is_creator(candidate):
            return candidate
    before = _BEFORE.match(text)
    return before["creator"] if before and is_creator(before["creator"]) else None


def creator_of_note(text: str) -> str | None:
    """Give the creator that the note of an element begins with: "Private creator: X. Optional"."""
    first = re.split(r"[.;]\s", text.strip())[0]
    creator = _named(first) if _NOTE.match(first) else None
    sure = creator is not None and (is_creator(creator) or _PRIVATE_WORD.search(first))
    return creator if sure else None


def unmarked_creator(text: str) -> str | None:
    """Give a text of a creator row that may be the creator by its place alone, no remark."""
    candidate = _candidate(_VALUE.sub("", text.strip(" ,;")), "", marked=True)
    plain = may_be_creator(candidate) and is_one_name(candidate) and len(candidate) > 2
    if not plain or candidate.upper() in _CODES or _ABOUT_CREATORS.search(candidate):
        return None
    return candidate


def unbroken(text: str) -> str:
    """Give an identifier that a narrow cell broke, "KRONOS_AC Q_V2"; else the text.

    No creator that is known has a space between two words with an underscore.
    """
    parts = text.split()
    broken = len(parts) == 2 and all(_PIECE.fullmatch(part) for part in parts)
    return "".join(parts) if broken and not is_known(text) else text


def _named(text: str) -> str | None:
    """Give the creator behind the last "Creator:", "owner =" or the like of a line.

    "Owner: Quality Management" names the owner of a document: a line that says nothing of private
    elements must have a creator beyond doubt, or a title such as "Owner ID" that only they have.
    """
    naming = _NAMING.match(text)
    if naming is None:
        return None
    candidate = _candidate(naming["rest"], text[: naming.start("rest")], marked=True)
    private = _PRIVATE_WORD.search(text) is not None
    # "Copyright owner", "Patient creator": another thing's.
    if not private and text[: naming.start("what")].strip(" (").casefold() not in ("", "the"):
        return None
    if is_creator(candidate):
        return candidate
    titled = private or (naming["kind"] and naming["what"].casefold() != "implementer")
    return candidate if titled and may_be_creator(candidate) and is_one_name(candidate) else None


def _candidate(text: str, before: str, *, marked: bool) -> str:
    """Give what may be a creator of the words behind a label: no label, no group, no full stop.

    A dot ends a sentence where a verb stands before the creator; elsewhere it is the creator's
    own, unless the creator is known without it.
    """
    rest = text.strip()
    if marked:
        rest = rest.lstrip(_QUOTES + "([")
    while True:
        bare = _GROUP_FIRST.sub("", rest)
        label = _LABELLED.match(bare)
        bare = label["rest"].strip() if label else bare
        if bare == rest or not bare:
            break
        rest, marked = bare, marked or label is not None
    closed = re.split(r"[)\]\"\u201d]", rest)[0] if marked else rest
    candidate = mended(closed.strip(_QUOTES))
    if not candidate.endswith(".") or is_known(candidate):
        return "" if is_label(candidate) or _GROUP_FIRST.fullmatch(candidate) else candidate
    short = candidate.removesuffix(".")
    sentence = _VERB.search(before) is not None and not _COMPANY.search(candidate)
    dotted = short.endswith(".") or is_known(short) or _IDENTIFIER.fullmatch(short)
    return short if sentence or dotted else candidate


def creator_in(text: str) -> str | None:
    """Give the creator that a cell of a creator row names, with or without words around it."""
    text = text.strip(" ,;").lstrip(". ")
    plain = mended(_SET_TO.sub("", text).strip(_QUOTES))
    if is_creator(plain):
        return plain
    for quoted in _QUOTED.finditer(text):
        candidate = mended(quoted["creator"].strip(_QUOTES))
        if is_creator(candidate) or (may_be_creator(candidate) and is_one_name(candidate)):
            return candidate
    return plain if _ONE_CODE.fullmatch(plain) and plain not in _CODES else None


def group_of_line(text: str) -> str:
    """Give the odd group that a heading names, "" when it names none: "Group 0019"."""
    group = _GROUP_NAMED.search(text)
    return group["group"] if group else ""


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
