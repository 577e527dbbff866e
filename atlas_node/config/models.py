"""The settings of the node as frozen models; those of the viewer are in `web`.

Every field has its type, default and help; `load_config` fills them, docs/configuration.md is
made from them. The rule: a setting is named here and nowhere else, and a `Config` that contradicts
itself cannot be built, so no other part checks.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from atlas_node.config.contradictions import contradictions
from atlas_node.config.section import Section
from atlas_node.config.types import (
    AETitle,
    ConfigPath,
    Count,
    DatabaseUrl,
    Days,
    Duration,
    HexGroup,
    HexOffset,
    Host,
    Name,
    Network,
    Patterns,
    PduLength,
    Port,
    Seconds,
    Size,
    Switch,
    TransferSyntaxes,
)
from atlas_node.config.web import WebSettings
from atlas_node.model import Policy

Service = Literal["echo", "store", "commit", "find", "get", "move"]
QueryService = Literal["find", "get", "move"]
QueryLevel = Literal["patient", "study", "series", "image", "worklist"]


class Tls(Section):
    """DICOM over TLS (PS3.15 annex B)."""

    certificate: ConfigPath | None = Field(default=None, description="Own certificate chain, PEM.")
    key: ConfigPath | None = Field(default=None, description="Private key of the certificate, PEM.")
    ca: ConfigPath | None = Field(
        default=None,
        description="Authorities that the peer's certificate must come from, PEM; "
        "none: those of the system.",
    )
    verify_peer: Switch = Field(
        default=True, description="Refuse a peer whose certificate is missing or does not verify."
    )


class Timeouts(Section):
    """How long the node waits for a peer."""

    acse: Seconds = Field(
        default=30, description="For an answer to an association request or release."
    )
    dimse: Seconds = Field(default=60, description="For a DIMSE message on an open association.")
    network: Seconds = Field(default=60, description="For any traffic on an open association.")
    connect: Seconds = Field(default=10, description="For a TCP connection to a peer.")
    drain: Seconds = Field(
        default=30, description="For open associations to end of themselves after SIGTERM."
    )


class NodeSettings(Section):
    """The DICOM listener."""

    ae_title: AETitle = Field(default="ATLAS", description="AE title of the node.")
    host: Host = Field(
        default="127.0.0.1", description="Address to listen on; 0.0.0.0 for every IPv4 interface."
    )
    port: Port = Field(default=11112, description="TCP port to listen on.")
    workers: Count = Field(
        default=1, description="Processes that share the port, one for each core."
    )
    max_pdu: PduLength = Field(
        default=131072, description="Longest P-DATA-TF PDU that peers may send."
    )
    max_associations: Count = Field(
        default=64, description="Associations open at a time; more are rejected."
    )
    timeouts: Timeouts = Field(
        default=Timeouts(), description="How long the node waits for a peer."
    )
    tls: Tls | None = Field(default=None, description="Listen with TLS; none: plain TCP.")


class ReportTo(Section):
    """Where a peer takes storage commitment reports in associations that the node opens."""

    host: Host | None = Field(
        default=None, description="Host name or address; none: where its request came from."
    )
    port: Port = Field(description="TCP port.")
    tls: Tls | None = Field(default=None, description="Connect with TLS; none: plain TCP.")


class Peer(Section):
    """An application entity that may call the node."""

    ae_title: AETitle = Field(description="Calling AE title.")
    address: Network | None = Field(
        default=None, description="Address or network that it must call from; none: any."
    )
    services: frozenset[Service] = Field(
        default=frozenset({"echo", "store", "commit", "find", "get", "move"}),
        description="What it may ask for; commit: storage commitment, also to report on it; "
        "find, get and move: query and retrieve.",
    )
    report_to: ReportTo | None = Field(
        default=None,
        description="Where it takes storage commitment reports when the association in which it "
        "asked has ended; none: it is told when it comes again.",
    )


class Retry(Section):
    """When a delivery that failed is tried again: the delay doubles up to its limit."""

    first_delay: Seconds = Field(
        default=1.0, description="Delay after the first failure, in seconds."
    )
    max_delay: Seconds = Field(
        default=300.0, description="Longest delay between tries, in seconds."
    )
    max_tries: Count = Field(
        default=50, description="Tries before a delivery is dead and waits for you."
    )


class Destination(Section):
    """An application entity that objects are delivered to by C-STORE."""

    name: Name = Field(description='Name for routes, log and queue; not "log".')
    ae_title: AETitle = Field(description="Called AE title.")
    host: Host = Field(description="Host name or address.")
    port: Port = Field(description="TCP port.")
    calling_ae_title: AETitle | None = Field(
        default=None, description="AE title that the node calls itself; none: node.ae_title."
    )
    policy: Policy | None = Field(
        default=None, description="What annotation may change for it; none: annotate.policy."
    )
    transfer_syntaxes: TransferSyntaxes = Field(
        default=(),
        description="Transfer syntaxes that objects may be sent in, such as "
        "ExplicitVRLittleEndian; none: all that it accepts.",
    )
    tls: Tls | None = Field(default=None, description="Connect with TLS; none: plain TCP.")
    max_pdu: PduLength = Field(
        default=131072, description="Longest P-DATA-TF PDU that it may send."
    )
    idle_timeout: Seconds = Field(
        default=5, description="Seconds that an association is kept open with nothing to send."
    )
    retry: Retry = Field(default=Retry(), description="When a delivery that failed is tried again.")
    commitment: Switch = Field(
        default=False,
        description="It commits to storage: requests of scanners are passed on to it.",
    )


class Upstream(Section):
    """A PACS that queries are passed on to."""

    name: Name = Field(description="Name for messages.")
    ae_title: AETitle = Field(description="Called AE title.")
    host: Host = Field(description="Host name or address.")
    port: Port = Field(description="TCP port.")
    tls: Tls | None = Field(default=None, description="Connect with TLS; none: plain TCP.")


class Match(Section):
    """What an object must have for a route: one shell pattern of each list that is given."""

    calling_ae: Patterns = Field(default=(), description="AE title of the sender.")
    called_ae: Patterns = Field(default=(), description="AE title that the sender called.")
    modality: Patterns = Field(default=(), description="Modality (0008,0060).")
    sop_class: Patterns = Field(default=(), description="SOP Class UID.")
    private_creator: Patterns = Field(
        default=(), description="Private creator, any of the object's."
    )
    manufacturer: Patterns = Field(default=(), description="Manufacturer (0008,0070).")


class Route(Section):
    """Where objects go; an object takes every route that matches it."""

    match: Match = Field(default=Match(), description="Which objects; nothing given: every object.")
    to: tuple[str, ...] = Field(
        description="Names of destinations, or [log] to record the object and deliver it nowhere."
    )


class Asker(Section):
    """Who asks: one shell pattern of each list that is given."""

    calling_ae: Patterns = Field(default=(), description="AE title of the caller.")
    called_ae: Patterns = Field(default=(), description="AE title that the caller called.")


class QueryRoute(Section):
    """Which upstreams a caller's queries go to; the first route that matches counts."""

    match: Asker = Field(default=Asker(), description="Which callers; nothing given: all.")
    to: tuple[Name, ...] = Field(
        description="Names of upstreams; the responses of several are merged."
    )
    services: frozenset[QueryService] = Field(
        default=frozenset({"find", "get", "move"}), description="What may be asked for."
    )
    levels: frozenset[QueryLevel] = Field(
        default=frozenset({"patient", "study", "series", "image", "worklist"}),
        description="At which query/retrieve levels; worklist: modality worklists.",
    )


class IndexKey(Section):
    """A private attribute whose values the node keeps, so that it can be searched."""

    creator: str = Field(min_length=1, max_length=64, description="Private creator.")
    group: HexGroup = Field(description='Group, such as "0019".')
    element: HexOffset = Field(description='Element, such as "xx0c".')
    level: Literal["study", "series", "image"] = Field(
        default="image", description="What has one value of it: a study, a series or an image."
    )


class MoveDestination(Section):
    """A destination of C-MOVE, by the name that callers use."""

    name: AETitle = Field(description="Move destination in the caller's request.")
    ae_title: AETitle | None = Field(
        default=None, description="Its AE title, at the upstream too; none: the same."
    )
    host: Host | None = Field(
        default=None, description="Host name or address; none: the upstream sends by itself."
    )
    port: Port = Field(default=104, description="TCP port.")
    tls: Tls | None = Field(default=None, description="Connect with TLS; none: plain TCP.")
    policy: Policy | None = Field(
        default=None, description="What annotation may change for it; none: annotate.policy."
    )


class QuerySettings(Section):
    """Queries and retrievals, passed on to upstreams."""

    routes: tuple[QueryRoute, ...] = Field(
        default=(), description="Who may ask which upstream; none: everybody, all upstreams."
    )
    index: tuple[IndexKey, ...] = Field(
        default=(), description="Private attributes that can be searched."
    )
    move: Literal["through", "straight"] = Field(
        default="through",
        description="How C-MOVE goes. through: the node retrieves and sends on what it annotated, "
        "where it knows the destination's host; straight: the upstream sends by itself.",
    )
    move_destinations: tuple[MoveDestination, ...] = Field(
        default=(),
        description="Destinations of C-MOVE beside those in destinations, which count by their "
        "AE title.",
    )
    idle_timeout: Seconds = Field(
        default=30, description="Seconds that an unused association with an upstream stays open."
    )
    max_identifier_bytes: Size = Field(
        default=2**20, description="Longest identifier of a request or response."
    )


class DictionarySettings(Section):
    """Dictionaries on top of the built-in one."""

    paths: tuple[ConfigPath, ...] = Field(
        default=(),
        description="Dictionary files in load order, later wins; ATLAS_DICTPATH adds more.",
    )
    site: ConfigPath | None = Field(
        default=None,
        description="Table of the entries made in the viewer, which win over all others; none: "
        "site.tsv beside the spool. The viewer makes it with the first entry.",
    )


class AnnotateSettings(Section):
    """What annotation does."""

    policy: Policy = Field(
        default=Policy.DECODE,
        description="observe: change nothing; decode: replace UN by the verified VR; describe: "
        "also add the definitions of (0008,0300) and an item in (0018,A001).",
    )
    inherit_creators: Switch = Field(
        default=True,
        description="Decode a nested element whose item reserves no block by the creator of an "
        "enclosing data set.",
    )


class Limits(Section):
    """When the spool refuses more objects, with status 0xA700."""

    max_bytes: Size = Field(default=50 * 2**30, description="Bytes of all objects in the spool.")
    min_free_bytes: Size = Field(
        default=2**30, description="Bytes that must stay free on its disk."
    )
    max_object_bytes: Size = Field(default=4 * 2**30, description="Bytes of one object.")
    max_objects: Count = Field(default=1_000_000, description="Objects in the spool.")


class SpoolSettings(Section):
    """The durable queue of received objects."""

    path: ConfigPath = Field(default=Path("var/spool"), description="Folder of the spool.")
    durability: Literal["os", "fsync"] = Field(
        default="os",
        description="When an object counts as kept. os: the page cache has it, which survives a "
        "killed process; fsync: the disk has it, which survives a loss of power.",
    )
    limits: Limits = Field(default=Limits(), description="When the spool refuses more objects.")
    keep_finished: Duration = Field(
        default=0,
        description="Seconds that an object stays when it is delivered and logged, so that it can "
        "be sent again; 0: it is removed at once. Removed earlier when room is needed.",
    )


class CommitmentSettings(Section):
    """Storage commitment, relayed to the destinations that offer it."""

    linger: Seconds = Field(
        default=10,
        description="Seconds that the association with an archive is kept open for its report.",
    )
    ask_again: Seconds = Field(
        default=3600,
        description="Seconds after which an archive that has not reported is asked again, twice "
        "as many each time.",
    )
    archive_timeout: Seconds = Field(
        default=86400,
        description="Seconds after a request in which the archives must have reported; what is "
        "missing then is reported as failed.",
    )
    report_timeout: Seconds = Field(
        default=86400, description="Seconds for which a scanner is called with its report."
    )
    keep_days: Days = Field(
        default=30, description="Days that a report which could not be delivered is kept."
    )


class Retention(Section):
    """How long the log keeps what it recorded."""

    days: Days = Field(default=90, description="Days that an object stays in the log; 0: for ever.")
    max_bytes: Size | None = Field(
        default=None, description="Bytes that the log may take; then its oldest objects go."
    )


class LogSettings(Section):
    """The annotation log."""

    url: DatabaseUrl = Field(
        default="sqlite:///var/log.db",
        repr=False,
        description="Database, sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE.",
    )
    values: Literal["full", "masked", "none"] = Field(
        default="full",
        description="Whether the log keeps decoded values, masks them or drops them.",
    )
    retention: Retention = Field(default=Retention(), description="How long the log keeps objects.")


class Config(Section):
    """The whole configuration."""

    node: NodeSettings = Field(default=NodeSettings(), description="The DICOM listener.")
    peers: tuple[Peer, ...] = Field(
        default=(), description="Who may call; none given: everybody who reaches the port."
    )
    destinations: tuple[Destination, ...] = Field(
        default=(), description="Where objects can be delivered to."
    )
    upstreams: tuple[Upstream, ...] = Field(
        default=(), description="PACS that queries and retrievals are passed on to."
    )
    routes: tuple[Route, ...] = Field(
        default=(), description="Which objects go to which destinations."
    )
    query: QuerySettings = Field(
        default=QuerySettings(),
        description="Queries and retrievals, passed on to upstreams.",
    )
    dictionary: DictionarySettings = Field(
        default=DictionarySettings(), description="Dictionaries on top of the built-in one."
    )
    annotate: AnnotateSettings = Field(
        default=AnnotateSettings(), description="What annotation does."
    )
    spool: SpoolSettings = Field(
        default=SpoolSettings(), description="The durable queue of received objects."
    )
    commitment: CommitmentSettings = Field(
        default=CommitmentSettings(),
        description="Storage commitment, relayed to the destinations that offer it.",
    )
    log: LogSettings = Field(default=LogSettings(), description="The annotation log.")
    web: WebSettings = Field(default=WebSettings(), description="The viewer and its HTTP API.")

    @property
    def site_dictionary(self) -> Path:
        """Where the entries made in the viewer are, or will be."""
        return self.dictionary.site or self.spool.path.with_name("site.tsv")

    @property
    def dictionaries(self) -> tuple[Path, ...]:
        """The dictionary files that there are to open, the lowest layer first."""
        made = self.site_dictionary
        return (*self.dictionary.paths, *((made,) if made.exists() else ()))

    @model_validator(mode="after")
    def _refuse_contradictions(self) -> Self:
        found = [
            InitErrorDetails(
                type=PydanticCustomError("contradiction", "{text}", {"text": text}),
                loc=location,
                input=None,
            )
            for location, text in contradictions(self)
        ]
        if found:
            raise ValidationError.from_exception_data("Config", found, hide_input=True)
        return self
