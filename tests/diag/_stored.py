"""What the store of a shop keeps in tests."""

from __future__ import annotations

from diag._shop import Shop
from flask_diag.store import BlockedSubject, ShardTotals, Store

BLOCKED = (
    BlockedSubject(
        key="1", rules={"role_invitations": 3}, blockers=({"table": "role_invitations", "count": 3},)
    ),
    BlockedSubject(key="3", rules={"invoices": 2}, blockers=({"table": "invoices", "count": 2},)),
    BlockedSubject(key="4", rules={"badges": 1, "invoices": 9}, outcome="uncertain"),
)


def store_of(shop: Shop) -> Store:
    """Return the shop's store."""
    found = shop.app.extensions["diag"].store
    assert isinstance(found, Store)
    return found


def keep_a_scan(shop: Shop) -> None:
    """Keep a scan that found `BLOCKED` among four projects, and write what waits."""
    store = store_of(shop)
    store.upgrade()
    run = store.scans.begin("Project", "orm")
    store.scans.record_shard(run, 0, BLOCKED, ShardTotals(subjects=4))
    store.scans.finish(run)
    assert store.flush(10)
