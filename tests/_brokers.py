"""Message brokers: those that run on this machine, else private ones on loopback and a free port."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
from kombu.connection import Connection

from _servers import START_SECONDS, NotFound, free_port, unprivileged


class Broker(ABC):
    """A broker; `start` uses the machine's own where it answers."""

    name: str
    usual_port: int
    user: str
    program: str

    def __init__(self, home: Path) -> None:
        self.home, self.port = home, self.usual_port
        self._process: psutil.Popen | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """The broker's address for Celery."""

    @abstractmethod
    def command(self) -> Sequence[str]:
        """Return the command line that serves in the foreground."""

    def environment(self) -> dict[str, str]:
        """Return what the command line needs besides."""
        return {}

    def start(self) -> None:
        """Have a broker. Raises NotFound where none runs and none is installed."""
        if self._answers():
            return
        if shutil.which(self.program) is None:
            raise NotFound(
                f"{self.name}: none runs on port {self.usual_port}, and {self.program} is not installed"
            )
        user = unprivileged(self.user)
        self.home.mkdir()
        if user is not None:
            shutil.chown(self.home, user)
        self.port = free_port()
        with (self.home / "broker.log").open("ab") as log:
            self._process = psutil.Popen(
                list(self.command()),
                user=user,
                cwd=self.home,
                env=os.environ | {"HOME": str(self.home)} | self.environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._wait()

    def stop(self) -> None:
        """End what was started here."""
        if self._process is None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            tree = [self._process, *self._process.children(recursive=True)]
            for process in tree:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.terminate()
            _, alive = psutil.wait_procs(tree, timeout=20)
            for process in alive:
                process.kill()

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1):
                pass
            with Connection(self.url, connect_timeout=5) as connection:  # type: ignore[no-untyped-call]
                connection.ensure_connection(max_retries=1, timeout=5)
        except Exception:  # noqa: BLE001 each client has its own
            return False
        return True

    def _wait(self) -> None:
        assert self._process is not None
        for _ in range(START_SECONDS * 10):
            if self._answers():
                return
            with contextlib.suppress(psutil.TimeoutExpired, subprocess.TimeoutExpired):
                self._process.wait(0.1)
                break
        raise RuntimeError(f"{self.name} did not start:\n{(self.home / 'broker.log').read_text()[-4000:]}")


class Redis(Broker):
    """Redis, in memory only."""

    name, usual_port, user, program = "Redis", 6379, "redis", "redis-server"

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/11"

    def command(self) -> Sequence[str]:
        return [
            self.program,
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
            str(self.home),
        ]


class RabbitMQ(Broker):
    """RabbitMQ, with its usual guest."""

    name, usual_port, user, program = "RabbitMQ", 5672, "rabbitmq", "rabbitmq-server"

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def command(self) -> Sequence[str]:
        found = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # Debian's wrapper is for its service
        return [str(found) if found.exists() else self.program]

    def environment(self) -> dict[str, str]:
        return {
            "RABBITMQ_CONF_ENV_FILE": str(self.home / "none"),  # what the machine has set is for its own
            "RABBITMQ_CONFIG_FILE": str(self.home / "none"),
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_NODENAME": f"diag-test-{self.port}@localhost",
            "RABBITMQ_MNESIA_BASE": str(self.home / "data"),
            "RABBITMQ_LOG_BASE": str(self.home / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.home / "plugins"),
        }


BROKERS: dict[str, Callable[[Path], Broker]] = {"redis": Redis, "rabbitmq": RabbitMQ}
