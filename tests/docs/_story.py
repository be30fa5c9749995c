"""A page's blocks run in order, in a folder of their own, as a reader would who types them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import jinja2
import yaml

from _servers import free_port
from diag_rules.deletion import DeletionPolicy
from docs._blocks import ROOT, Block
from docs._transcript import missing

PORTS = re.compile(r"(?<=127\.0\.0\.1:)(5\d{3}|8000)\b")
START_SECONDS = 60
COMMAND_SECONDS = 300
INSTALLS = re.compile(r"^(python3? -m venv|\. \.venv|source \.venv|pip install|.*\bpip install)\b")
SECTIONS = {"subject", "relation", "rule", "message", "triggers"}


class Differs(AssertionError):
    """A block does not do what the page says."""


@dataclass
class Story:
    """One page being run.

    Attributes:
        folder: where its files are, and its commands run.
        names: what its Python blocks see, and leave for the next ones.
        environment: of its commands.
        installs: False leaves out ``pip install`` and what makes a virtual environment: the tests have one.
        ports: the port that a server of the page listens on here, by the port that the page says.
    """

    folder: Path
    names: dict[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    installs: bool = False
    ports: dict[str, int] = field(default_factory=dict)
    _running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def run(self, block: Block) -> None:
        """Run one block. Raises Differs where it does not do what it shows, or what it raises itself."""
        if block.title is not None and block.language != "diff":
            self._write(block)
        elif block.language == "python":
            code = compile("\n" * (block.line - 1) + block.text, str(block.page), "exec")
            exec(code, self.names)
        else:
            known = self._ways.get(block.language)
            if known is None:
                raise Differs(
                    f"{block}: no test knows how to run a block of {block.language or 'no language'!r}."
                )
            known(self, block)

    def end(self) -> None:
        """Stop the servers that the page has started."""
        for server in self._running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait()
        self._running.clear()

    def _write(self, block: Block) -> None:
        path = self.folder / str(block.title)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, "utf-8")
        check = _FILES.get(path.suffix)
        if check is not None:
            check(block.text)

    def _change(self, block: Block) -> None:
        """Change the file as the lines of a diff say, which need no line numbers."""
        lines = block.text.splitlines()
        old = "\n".join(line[1:] for line in lines if not line.startswith("+"))
        new = "\n".join(line[1:] for line in lines if not line.startswith("-"))
        path = self.folder / str(block.title)
        text = path.read_text("utf-8")
        if text.count(old) != 1:
            raise Differs(
                f"{block}: {block.title} has what is to be changed {text.count(old)} times, not once."
            )
        path.write_text(text.replace(old, new), "utf-8")

    def _console(self, block: Block) -> None:
        for command, shown in commands(block.text):
            if INSTALLS.match(command) and not self.installs:
                continue
            if serves(command):
                self._serve(command)
                continue
            if command.startswith(".ci/"):
                continue
            if command.startswith("make "):
                _must_be_a_verb(block, command)
                continue
            printed = self.command(command)
            line = missing(shown, printed)
            if line is not None:
                raise Differs(
                    f"{block}: $ {command}\ndoes not print, after the lines before it:\n{line}\nbut:\n{printed}"
                )
            if "Traceback (most recent call last)" in printed and "Error: " not in shown:
                raise Differs(f"{block}: $ {command}\n{printed}")

    def command(self, command: str) -> str:
        """Return what *command* prints, with the ports of the page."""
        done = subprocess.run(
            ["bash", "-c", self._here(command)],
            cwd=self.folder,
            env=dict(self.environment),
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        return self._there(done.stdout + done.stderr)

    def _serve(self, command: str) -> None:
        """Start a server in the background, in the place of the one before it on the same port."""
        said = re.search(r"(?:--port[ =]|PORT=)(\d+)", command)
        wanted = said[1] if said else "5000"
        self.end()
        self.ports[wanted] = port = free_port()
        environment = {**self.environment, "FLASK_RUN_PORT": str(port), "PORT": str(port)}
        command = _demo(re.sub(r"(--port[ =]|PORT=)\d+", rf"\g<1>{port}", command), port)
        with (self.folder / "server.log").open("ab") as log:
            server = subprocess.Popen(
                ["bash", "-c", command],
                cwd=self.folder,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._running.append(server)
        self._wait(server, port)

    def _wait(self, server: subprocess.Popen[bytes], port: int) -> None:
        """Wait until the server answers; one that listens may still fill its database."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and server.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=START_SECONDS):
                    return
            except urllib.error.HTTPError as answer:
                answer.close()
                return
            except OSError:
                time.sleep(0.05)  # nothing says that a server in another process listens
        raise Differs(f"The server did not start:\n{(self.folder / 'server.log').read_text('utf-8')[-3000:]}")

    def _here(self, text: str) -> str:
        """Return *text* with the ports of this run."""
        return PORTS.sub(lambda found: str(self.ports.get(found[1], found[1])), text)

    def _there(self, text: str) -> str:
        """Return *text* with the ports of the page."""
        for said, port in self.ports.items():
            text = text.replace(f":{port}", f":{said}")
        return text

    def _toml(self, block: Block) -> None:
        tables = tomllib.loads(block.text)
        if SECTIONS.issuperset(tables):
            DeletionPolicy.load(block.text)

    def _sql(self, block: Block) -> None:
        """The setup of a page gives the database on which its SQL runs."""
        self.names["run_sql"](block.text)

    _ways: ClassVar[Mapping[str, Callable[[Story, Block], object]]] = {
        "console": _console,
        "diff": _change,
        "toml": _toml,
        "sql": _sql,
        "yaml": lambda _self, block: list(yaml.safe_load_all(block.text)),
        "json": lambda _self, block: json.loads(block.text),
        "html+jinja": lambda _self, block: jinja2.Environment(autoescape=True).parse(block.text),
        "text": lambda _self, _block: None,
    }


_FILES: Mapping[str, Callable[[str], object]] = {
    ".py": lambda text: compile(text, "block", "exec"),
    ".toml": tomllib.loads,
    ".yml": yaml.safe_load,
    ".yaml": yaml.safe_load,
    ".json": json.loads,
}


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Yield each command of a transcript, with the lines that it is shown to print."""
    command, shown = "", list[str]()
    for line in text.splitlines():
        if line.startswith("$ "):
            if command:
                yield command, "\n".join(shown)
            command, shown = line[2:], []
        elif command.endswith("\\") and not shown:
            command = f"{command[:-1].rstrip()} {line.strip()}"
        else:
            shown.append(line)
    if command:
        yield command, "\n".join(shown)


def serves(command: str) -> bool:
    """Return whether *command* runs until it is stopped."""
    words = [word for word in shlex.split(command, comments=True) if "=" not in word]
    return words[:2] == ["make", "demo"] or (
        words[:1] in (["flask"], ["gunicorn"]) and (words[0] == "gunicorn" or "run" in words)
    )


def _must_be_a_verb(block: Block, command: str) -> None:
    """Refuse a ``make`` that the Makefile does not know. The verbs themselves are too long for a test of a page."""
    verb = next(word for word in shlex.split(command, comments=True)[1:] if "=" not in word)
    if not re.search(rf"^{re.escape(verb)}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE):
        raise Differs(f"{block}: the Makefile has no verb {verb!r}.")


def _demo(command: str, port: int) -> str:
    """Return what ``make demo`` runs, without installing anything."""
    return re.sub(r"\bmake demo\b", f"{sys.executable} -m flask_diag.demo --port {port}", command)
