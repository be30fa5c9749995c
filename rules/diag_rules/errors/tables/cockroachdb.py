"""CockroachDB's own SQLSTATEs; all others are PostgreSQL's.

Source: ``pkg/sql/pgwire/pgcode/codes.go`` of CockroachDB 24.3, read 2026-11-22; not seen live.
"""

from __future__ import annotations

from .._classification import Retry
from .._kinds import Kind as K
from .._row import Table, row, table

CODES: Table = table(
    row("CR000", K.SERIALIZATION_FAILURE, "retriable", summary="The transaction must be repeated."),
    row("XXUUU", K.INTERNAL_ERROR, "uncategorized"),
    row("XXC01", K.FEATURE_NOT_SUPPORTED, "ccl_required"),
    row("XXC02", K.FEATURE_NOT_SUPPORTED, "ccl_valid_license_required"),
    row("XXC03", K.INTERNAL_ERROR, "transaction_committed_with_schema_change_failure"),
    row("XXC04", K.OBJECT_NOT_IN_PREREQUISITE_STATE, "inaccessible_virtual_schema_table"),
    row("22C01", K.INTERNAL_ERROR, "scalar_operation_cannot_run_without_full_session_context"),
    row("55C01", K.SCHEMA_CHANGED, "schema_change_occurred"),
    row("55C02", K.UNDEFINED_TABLE, "no_primary_key"),
    row("58C00", K.SYSTEM_ERROR, "range_unavailable", retry=Retry.TRANSACTION,
        summary="A range of the cluster is unavailable: too few replicas answer."),
    row("58C01", K.CONNECTION_FAILURE, "internal_connection_failure"),
    row("58C02", K.CANNOT_CONNECT_NOW, "proxy_connection_error"),
)  # fmt: skip
