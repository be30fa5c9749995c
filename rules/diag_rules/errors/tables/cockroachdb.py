"""CockroachDB's own SQLSTATEs; all others are PostgreSQL's.

Source: ``pkg/sql/pgwire/pgcode/codes.go`` of CockroachDB 24.3, read 2026-11-22; not seen live.
"""

from __future__ import annotations

from diag_rules.errors._classification import Retry
from diag_rules.errors._kinds import Kind
from diag_rules.errors._row import Table, row, table

CODES: Table = table(
    row("CR000", Kind.SERIALIZATION_FAILURE, "retriable", summary="The transaction must be repeated."),
    row("XXUUU", Kind.INTERNAL_ERROR, "uncategorized"),
    row("XXC01", Kind.FEATURE_NOT_SUPPORTED, "ccl_required"),
    row("XXC02", Kind.FEATURE_NOT_SUPPORTED, "ccl_valid_license_required"),
    row("XXC03", Kind.INTERNAL_ERROR, "transaction_committed_with_schema_change_failure"),
    row("XXC04", Kind.OBJECT_NOT_IN_PREREQUISITE_STATE, "inaccessible_virtual_schema_table"),
    row("22C01", Kind.INTERNAL_ERROR, "scalar_operation_cannot_run_without_full_session_context"),
    row("55C01", Kind.SCHEMA_CHANGED, "schema_change_occurred"),
    row("55C02", Kind.UNDEFINED_TABLE, "no_primary_key"),
    row("58C00", Kind.SYSTEM_ERROR, "range_unavailable", retry=Retry.TRANSACTION,
        summary="A range of the cluster is unavailable: too few replicas answer."),
    row("58C01", Kind.CONNECTION_FAILURE, "internal_connection_failure"),
    row("58C02", Kind.CANNOT_CONNECT_NOW, "proxy_connection_error"),
)  # fmt: skip
