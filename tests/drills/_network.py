"""A network of two: this machine, and a namespace of the kernel where a server runs. Root only."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from _servers import NotFound

HERE, THERE = "10.213.{}.1", "10.213.{}.2"  # for private use (RFC 1918); our number between them


def ip(*words: str) -> None:
    """Run ``ip``; raises NotFound where the kernel or our rights do not let us."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotFound(f"a network namespace: ip {' '.join(words)}: {done.stderr.strip()}")


@dataclass(frozen=True)
class Link:
    """The line between us and the namespace."""

    name: str
    ours: str
    here: str
    there: str

    def inside(self, user: str | None) -> Sequence[str]:
        """Return the words that run a command in the namespace, as *user*."""
        account = [] if user is None else ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
        return ["ip", "netns", "exec", self.name, *account]

    @contextmanager
    def pulled(self) -> Iterator[None]:
        """Pull the plug at the other end: the line has no carrier."""
        ip("-n", self.name, "link", "set", "there", "down")
        try:
            yield
        finally:
            ip("-n", self.name, "link", "set", "there", "up")

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Let every answer vanish on the way, without a word to anybody."""
        ip("-n", self.name, "route", "add", "blackhole", self.here)
        try:
            yield
        finally:
            ip("-n", self.name, "route", "del", "blackhole", self.here)

    @contextmanager
    def slow(self, rate: str) -> Iterator[None]:
        """Let our packets pass at *rate* (``16kbit``) only."""
        shape = ["tc", "qdisc", "add", "dev", self.ours, "root", "tbf"]
        subprocess.run([*shape, "rate", rate, "burst", "1600", "latency", "20s"], check=True)
        try:
            yield
        finally:
            subprocess.run(["tc", "qdisc", "del", "dev", self.ours, "root"], check=True)


@contextmanager
def namespace() -> Iterator[Link]:
    """Make the namespace and the line to it; raises NotFound where that can't be done."""
    if os.geteuid() != 0:
        raise NotFound("a network namespace: only root may make one")
    if shutil.which("ip") is None or shutil.which("tc") is None:
        raise NotFound("a network namespace: the Debian package iproute2 is not installed")
    number = os.getpid() % 250
    name, ours = f"diag-{os.getpid()}", f"diag{os.getpid()}"[:15]
    link = Link(name, ours, HERE.format(number), THERE.format(number))
    ip("netns", "add", name)
    try:
        ip("link", "add", ours, "type", "veth", "peer", "name", "there", "netns", name)
        ip("addr", "add", f"{link.here}/30", "dev", ours)
        ip("-n", name, "addr", "add", f"{link.there}/30", "dev", "there")
        ip("link", "set", ours, "up")
        ip("-n", name, "link", "set", "there", "up")
        ip("-n", name, "link", "set", "lo", "up")
        yield link
    finally:
        ip("netns", "del", name)  # and the line with it
