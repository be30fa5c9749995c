"""What the store keeps: every field, and why. The one place; a test refuses a column without a reason.

No field holds a parameter, a message, a header, an address or anything else that a person typed, except the
subject's key and the request id, by which support finds a case.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, PrimaryKeyConstraint, Table

from ._types import Instant, digest, long_text, number, words

VERSION_TABLE = "diag_schema_version"
HEAD = "0001"  # the newest migration
BUCKET = 300  # seconds of incidents that are folded into one row

metadata = MetaData()

incident = Table(
    "diag_incident",
    metadata,
    Column("bucket", BigInteger, doc="start of the time bucket, seconds since 1970"),
    Column("digest", digest(), doc="of all that is folded by"),
    Column("app", words(100), nullable=False, doc="the Flask application's name"),
    Column("bind", words(60), nullable=False, doc="which of its databases"),
    Column("subject", words(100), nullable=False, doc="the subject's class, or empty"),
    Column("subject_key", words(200), nullable=False, doc="the subject's key, or empty"),
    Column("category", words(20), nullable=False, doc="what the error means"),
    Column("kind", words(60), nullable=False, doc="what the error means, exactly"),
    Column("code", words(20), nullable=False, doc="the database's code, or empty"),
    Column("broke", words(200), nullable=False, doc="constraint, or table.columns, as the schema names them"),
    Column("endpoint", words(200), nullable=False, doc="the Flask endpoint, or empty"),
    Column("deletion_of", words(100), nullable=False, doc="the subject's class, where a deletion broke"),
    Column("total", BigInteger, nullable=False, doc="incidents folded into this row"),
    Column("first_seen", Instant, nullable=False, doc="of the first of them"),
    Column("last_seen", Instant, nullable=False, doc="of the last of them"),
    Column("request_id", words(64), doc="of the last of them: what the answer and the log name"),
    Column("sentry_event_id", words(32), doc="of the last of them that Sentry got"),
    PrimaryKeyConstraint("bucket", "digest", name="pk_diag_incident"),
    Index("ix_diag_incident_subject", "app", "subject", "subject_key", "bucket"),
    Index("ix_diag_incident_time", "app", "bucket", "digest"),
    Index("ix_diag_incident_category", "app", "category", "bucket"),
    Index("ix_diag_incident_request", "request_id"),
)

outage = Table(
    "diag_outage",
    metadata,
    Column("id", words(60), primary_key=True, doc="the writer, and which of its outages"),
    Column("app", words(100), nullable=False, doc="the Flask application's name"),
    Column("bind", words(60), nullable=False, doc="which of its databases"),
    Column("writer", words(32), nullable=False, doc="the process that saw it"),
    Column("started", Instant, nullable=False, doc="the first incident"),
    Column("last_seen", Instant, nullable=False, doc="the last incident"),
    Column("ended", Instant, doc="the first contact after it; none while it lasts"),
    Column("kinds", words(400), nullable=False, doc="the kinds of its incidents, with commas"),
    Column("total", BigInteger, nullable=False, doc="its incidents in this process"),
    Index("ix_diag_outage_started", "app", "started"),
    Index("ix_diag_outage_ended", "app", "ended"),
)

writer = Table(
    "diag_writer",
    metadata,
    Column("id", words(32), primary_key=True, doc="one process of one replica, at random"),
    Column("app", words(100), nullable=False, doc="the Flask application's name"),
    Column("started", Instant, nullable=False, doc="its first batch"),
    Column("seen", Instant, nullable=False, doc="its last batch: is it alive?"),
    Column("ended", Instant, doc="when it said goodbye, or was found dead"),
    Column("batch", BigInteger, nullable=False, doc="its last batch: none is written twice"),
    Column("written", BigInteger, nullable=False, doc="incidents that it wrote"),
    Column("dropped", BigInteger, nullable=False, doc="incidents that it had to drop"),
    Column("lost", BigInteger, nullable=False, doc="incidents that were in its memory when it was killed"),
    Index("ix_diag_writer_seen", "seen"),
)

lease = Table(
    "diag_lease",
    metadata,
    Column("name", words(200), primary_key=True, doc="what only one may do at a time"),
    Column("holder", words(64), nullable=False, doc="who does it, a token at random"),
    Column("until", Instant, nullable=False, doc="when others may take it"),
)

scan = Table(
    "diag_scan",
    metadata,
    Column("id", number(), primary_key=True, autoincrement=True, doc="a later scan has a higher number"),
    Column("app", words(100), nullable=False, doc="the Flask application's name"),
    Column("subject", words(100), nullable=False, doc="the subject's class"),
    Column("how", words(10), nullable=False, doc="orm or sql"),
    Column("state", words(10), nullable=False, doc="running, finished, failed or overtaken"),
    Column("owner", words(64), nullable=False, doc="who began it, a token at random"),
    Column("shards", Integer, nullable=False, doc="into how many parts it is split"),
    Column("parts", long_text(), nullable=False, doc="the keys between which each part lies, as JSON"),
    Column("started", Instant, nullable=False, doc="when it began"),
    Column("finished", Instant, doc="when it ended"),
    Column("subjects", BigInteger, nullable=False, doc="subjects looked at"),
    Column("blocked", BigInteger, nullable=False, doc="of them, blocked"),
    Column("uncertain", BigInteger, nullable=False, doc="of them, uncertain"),
    Column("rows_kept", Integer, nullable=False, doc="1 while the blocked subjects are kept, else 0"),
    Index("ix_diag_scan_latest", "app", "subject", "how", "state", "id"),
)

scan_shard = Table(
    "diag_scan_shard",
    metadata,
    Column("scan", BigInteger, doc="the scan's id"),
    Column("shard", Integer, doc="which part, from 0"),
    Column("attempt", words(32), nullable=False, doc="whose rows count, where a part was done twice"),
    Column("finished", Instant, nullable=False, doc="when it was done"),
    Column("subjects", BigInteger, nullable=False, doc="subjects looked at"),
    Column("blocked", BigInteger, nullable=False, doc="of them, blocked"),
    Column("uncertain", BigInteger, nullable=False, doc="of them, uncertain"),
    PrimaryKeyConstraint("scan", "shard", name="pk_diag_scan_shard"),
)

scan_relation = Table(
    "diag_scan_relation",
    metadata,
    Column("scan", BigInteger, doc="the scan's id"),
    Column("rule", words(200), doc="what blocks, as metrics name it"),
    Column("shard", Integer, doc="which part"),
    Column("subjects", BigInteger, nullable=False, doc="subjects that it blocks"),
    Column("row_count", BigInteger, nullable=False, doc="rows that block them"),
    Column("oldest", Instant, doc="the oldest of these rows, where that is known"),
    PrimaryKeyConstraint("scan", "rule", "shard", name="pk_diag_scan_relation"),
)

blocked = Table(
    "diag_scan_blocked",
    metadata,
    Column("scan", BigInteger, doc="the scan's id"),
    Column("sort", words(220), doc="the subject's key, so that text sorts as numbers do"),
    Column("attempt", words(32), doc="the attempt at the part that found it"),
    Column("shard", Integer, nullable=False, doc="which part"),
    Column("subject_key", words(200), nullable=False, doc="the subject's key"),
    Column("outcome", words(10), nullable=False, doc="blocked or uncertain"),
    Column("row_count", BigInteger, nullable=False, doc="rows that block it, in all"),
    Column("blockers", long_text(), nullable=False, doc="the blockers as JSON"),
    PrimaryKeyConstraint("scan", "sort", "attempt", name="pk_diag_scan_blocked"),
    Index("ix_diag_scan_blocked_rows", "scan", "row_count", "sort"),
)

blocked_rule = Table(
    "diag_scan_blocked_rule",
    metadata,
    Column("scan", BigInteger, doc="the scan's id"),
    Column("rule", words(200), doc="what blocks"),
    Column("sort", words(220), doc="whom"),
    Column("attempt", words(32), doc="as above"),
    Column("shard", Integer, nullable=False, doc="as above"),
    Column("row_count", BigInteger, nullable=False, doc="rows of this rule"),
    PrimaryKeyConstraint("scan", "rule", "sort", "attempt", name="pk_diag_scan_blocked_rule"),
)
