"""The first version."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from flask_diag.store._types import Instant, digest, long_text, number, words

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables of incidents, outages, writers and scans."""
    op.create_table(
        "diag_incident",
        sa.Column("bucket", sa.BigInteger),
        sa.Column("digest", digest()),
        sa.Column("app", words(100), nullable=False),
        sa.Column("bind", words(60), nullable=False),
        sa.Column("subject", words(100), nullable=False),
        sa.Column("subject_key", words(200), nullable=False),
        sa.Column("category", words(20), nullable=False),
        sa.Column("kind", words(60), nullable=False),
        sa.Column("code", words(20), nullable=False),
        sa.Column("broke", words(200), nullable=False),
        sa.Column("endpoint", words(200), nullable=False),
        sa.Column("deletion_of", words(100), nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("first_seen", Instant, nullable=False),
        sa.Column("last_seen", Instant, nullable=False),
        sa.Column("request_id", words(64)),
        sa.Column("sentry_event_id", words(32)),
        sa.PrimaryKeyConstraint("bucket", "digest", name="pk_diag_incident"),
    )
    op.create_index("ix_diag_incident_time", "diag_incident", ["app", "bucket", "digest"])
    op.create_index("ix_diag_incident_category", "diag_incident", ["app", "category", "bucket"])
    op.create_index("ix_diag_incident_request", "diag_incident", ["request_id"])
    op.create_index("ix_diag_incident_subject", "diag_incident", ["app", "subject", "subject_key", "bucket"])
    op.create_table(
        "diag_lease",
        sa.Column("name", words(200), primary_key=True),
        sa.Column("holder", words(64), nullable=False),
        sa.Column("until", Instant, nullable=False),
    )
    op.create_table(
        "diag_outage",
        sa.Column("id", words(60), primary_key=True),
        sa.Column("app", words(100), nullable=False),
        sa.Column("bind", words(60), nullable=False),
        sa.Column("writer", words(32), nullable=False),
        sa.Column("started", Instant, nullable=False),
        sa.Column("last_seen", Instant, nullable=False),
        sa.Column("ended", Instant),
        sa.Column("kinds", words(400), nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_diag_outage_ended", "diag_outage", ["app", "ended"])
    op.create_index("ix_diag_outage_started", "diag_outage", ["app", "started"])
    op.create_table(
        "diag_scan",
        sa.Column("id", number(), primary_key=True, autoincrement=True),
        sa.Column("app", words(100), nullable=False),
        sa.Column("subject", words(100), nullable=False),
        sa.Column("how", words(10), nullable=False),
        sa.Column("state", words(10), nullable=False),
        sa.Column("owner", words(64), nullable=False),
        sa.Column("shards", sa.Integer, nullable=False),
        sa.Column("parts", long_text(), nullable=False),
        sa.Column("started", Instant, nullable=False),
        sa.Column("finished", Instant),
        sa.Column("subjects", sa.BigInteger, nullable=False),
        sa.Column("blocked", sa.BigInteger, nullable=False),
        sa.Column("uncertain", sa.BigInteger, nullable=False),
        sa.Column("rows_kept", sa.Integer, nullable=False),
    )
    op.create_index("ix_diag_scan_latest", "diag_scan", ["app", "subject", "how", "state", "id"])
    op.create_table(
        "diag_scan_blocked",
        sa.Column("scan", sa.BigInteger),
        sa.Column("sort", words(220)),
        sa.Column("attempt", words(32)),
        sa.Column("shard", sa.Integer, nullable=False),
        sa.Column("subject_key", words(200), nullable=False),
        sa.Column("outcome", words(10), nullable=False),
        sa.Column("row_count", sa.BigInteger, nullable=False),
        sa.Column("blockers", long_text(), nullable=False),
        sa.PrimaryKeyConstraint("scan", "sort", "attempt", name="pk_diag_scan_blocked"),
    )
    op.create_index("ix_diag_scan_blocked_rows", "diag_scan_blocked", ["scan", "row_count", "sort"])
    op.create_table(
        "diag_scan_blocked_rule",
        sa.Column("scan", sa.BigInteger),
        sa.Column("rule", words(200)),
        sa.Column("sort", words(220)),
        sa.Column("attempt", words(32)),
        sa.Column("shard", sa.Integer, nullable=False),
        sa.Column("row_count", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("scan", "rule", "sort", "attempt", name="pk_diag_scan_blocked_rule"),
    )
    op.create_table(
        "diag_scan_relation",
        sa.Column("scan", sa.BigInteger),
        sa.Column("rule", words(200)),
        sa.Column("shard", sa.Integer),
        sa.Column("subjects", sa.BigInteger, nullable=False),
        sa.Column("row_count", sa.BigInteger, nullable=False),
        sa.Column("oldest", Instant),
        sa.PrimaryKeyConstraint("scan", "rule", "shard", name="pk_diag_scan_relation"),
    )
    op.create_table(
        "diag_scan_shard",
        sa.Column("scan", sa.BigInteger),
        sa.Column("shard", sa.Integer),
        sa.Column("attempt", words(32), nullable=False),
        sa.Column("finished", Instant, nullable=False),
        sa.Column("subjects", sa.BigInteger, nullable=False),
        sa.Column("blocked", sa.BigInteger, nullable=False),
        sa.Column("uncertain", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("scan", "shard", name="pk_diag_scan_shard"),
    )
    op.create_table(
        "diag_writer",
        sa.Column("id", words(32), primary_key=True),
        sa.Column("app", words(100), nullable=False),
        sa.Column("started", Instant, nullable=False),
        sa.Column("seen", Instant, nullable=False),
        sa.Column("ended", Instant),
        sa.Column("batch", sa.BigInteger, nullable=False),
        sa.Column("written", sa.BigInteger, nullable=False),
        sa.Column("dropped", sa.BigInteger, nullable=False),
        sa.Column("lost", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_diag_writer_seen", "diag_writer", ["seen"])
