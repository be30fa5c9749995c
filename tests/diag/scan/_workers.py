"""The Celery application of the shop, as `celery -A diag.scan._workers worker` loads it."""

from __future__ import annotations

import os
from datetime import timedelta

from celery import Celery  # type: ignore[import-untyped]
from sqlalchemy import create_engine

from diag._shop import make_shop
from flask_diag.celery import ScanTasks, register

PARTS, TEND, CLAIM = 4, 1.0, 3.0


def make_celery(environment: dict[str, str]) -> tuple[Celery, ScanTasks]:
    """Return the application and its tasks; the queue is of one test alone."""
    queue = environment["SCAN_QUEUE"]
    celery = Celery("shop", broker=environment["SCAN_BROKER"], set_as_current=False)
    celery.conf.update(
        task_default_queue=queue,
        worker_enable_remote_control=False,
        worker_prefetch_multiplier=1,
        broker_connection_retry_on_startup=True,
        broker_transport_options={"global_keyprefix": f"{queue}:"}
        if "redis" in environment["SCAN_BROKER"]
        else {},
    )
    shop = make_shop(
        create_engine(environment["SCAN_DATABASE"]),
        config={"DIAG_STORE_URL": environment["SCAN_STORE"], "DIAG_STORE_DRAIN": 0},
    )
    tasks = register(celery, shop.app, every=timedelta(hours=1), parts=PARTS, tend=TEND, claim=CLAIM)
    return celery, tasks


if "SCAN_BROKER" in os.environ:
    app, _ = make_celery(dict(os.environ))
