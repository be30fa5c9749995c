"""The incident store: what was met, folded; when a database was out; what the scans found.

`Store` is reached as ``app.extensions["diag"].store``; it is None where ``DIAG_STORE_URL`` is.
"""

from __future__ import annotations

from ._errors import (
    ScanIncomplete,
    ScanOvertaken,
    ScanRunning,
    StoreError,
    StoreOff,
    StoreSchemaError,
    StoreUnavailable,
)
from ._plain import as_json
from ._store import Store
from ._values import (
    BlockedSubject,
    History,
    IncidentFilter,
    Outage,
    Page,
    RelationTotal,
    ScanRun,
    ScanSummary,
    ShardTotals,
    StoredIncident,
    StoreStatus,
    Top,
    Total,
)

__all__ = [
    "BlockedSubject",
    "History",
    "IncidentFilter",
    "Outage",
    "Page",
    "RelationTotal",
    "ScanIncomplete",
    "ScanOvertaken",
    "ScanRun",
    "ScanRunning",
    "ScanSummary",
    "ShardTotals",
    "Store",
    "StoreError",
    "StoreOff",
    "StoreSchemaError",
    "StoreStatus",
    "StoreUnavailable",
    "StoredIncident",
    "Top",
    "Total",
    "as_json",
]
