"""pgbouncer between the application and PostgreSQL."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import URL

from _servers import NotFound, PostgresServer, Server, unprivileged
from drills._place import DATABASE, PASSWORD, USER


class Bouncer(PostgresServer):
    """A pooler of transactions before *behind*; it is started, killed and paused as a server is."""

    def __init__(self, behind: Server, home: Path) -> None:
        if shutil.which("pgbouncer") is None:
            raise NotFound("pgbouncer: the Debian package is not installed")
        super().__init__(home, home, {})
        self._behind = behind
        self.user = unprivileged("postgres", "pgserver")
        (home / "users.txt").write_text(f'"{USER}" "{PASSWORD}"\n')

    stop_signal = signal.SIGTERM  # at once; its SIGINT waits for the clients

    def command(self) -> Sequence[str]:
        database = f"host={self._behind.host} port={self._behind.port}"
        config = self.home / "pgbouncer.ini"
        config.write_text(
            f"[databases]\n{DATABASE} = {database}\n[pgbouncer]\nlisten_addr = {self.host}\nlisten_port = {self.port}\n"
            f"unix_socket_dir =\nauth_type = plain\nauth_file = {self.home}/users.txt\npool_mode = transaction\n"
            "server_login_retry = 0.1\nquery_wait_timeout = 2\n"
        )
        return [shutil.which("pgbouncer") or "pgbouncer", str(config)]

    def url(self, driver: str | None = None, database: str | None = None) -> URL:
        return super().url(driver, database or DATABASE).set(username=USER, password=PASSWORD)
