"""A standby of PostgreSQL, which refuses every change until it is promoted."""

from __future__ import annotations

import shutil
from pathlib import Path

from sqlalchemy import create_engine, text

from _servers import PostgresServer, Server


def standby_of(primary: Server, home: Path) -> PostgresServer:
    """Return a copy of *primary* that follows it, not yet started."""
    if not isinstance(primary, PostgresServer):
        raise TypeError(f"{primary!r} is no PostgreSQL")
    if primary.user is not None:
        shutil.chown(home, primary.user)
    copy = PostgresServer(home, primary.binaries, primary.settings)
    copy.run(
        [
            str(primary.binaries / "pg_basebackup"), "--pgdata", str(copy.data_dir), "--checkpoint=fast",
            "--write-recovery-conf", "--host", primary.host, "--port", str(primary.port), "--username", primary.admin,
        ]
    )  # fmt: skip
    return copy


def promote(server: Server) -> None:
    """Let a standby take changes from now on."""
    engine = create_engine(server.url(), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_promote(true, 20)"))
    engine.dispose()
