"""Serve the demo on this machine: ``python -m flask_diag.demo --db sqlite|postgresql --port 5000``."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import socket
import sys
from types import FrameType
from typing import NoReturn

import sentry_sdk
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from ._app import create_app
from ._database import DATABASES, Database, open_database
from ._seed import PROJECTS

HOST = "127.0.0.1"

TO_TRY = """\
{title} with {projects:,} projects, {plugin} flask-diag:
  the index         {url}/
{pages}
Three things to try:
1. Delete a project that three people are invited to:
     curl -i -X DELETE {url}/projects/sampleproject
   {first}
2. Revoke the invitations at {url}/projects/sampleproject/manage and delete it again.
   {second}
3. Take the database away, look at any page, and bring it back the same way:
     curl -X POST {url}/demo/outage
   {third}
Ctrl-C ends the demo; it begins with the same data every time.
"""
WITH = {
    "plugin": "with",
    "pages": "  the diagnostics   {url}/diag/\n  the metrics       {url}/metrics\n",
    "first": "It answers 409: a business rule, and what to do about it. (DIAG=off shows the answer of 2025.)",
    "second": "Or let the safe delete do both: curl -X DELETE '{url}/projects/sampleproject?clean_up=1'",
    "third": "Pages answer 503 with Retry-After, the diagnostics stay up, and the metrics count an outage.",
}
WITHOUT = {
    "plugin": "without",
    "pages": "",
    "first": "It answers 503, as PyPI did in 2025: an outage, though nothing is down.",
    "second": "Now it answers 204. Who would have guessed?",
    "third": "Pages answer 503: the same words for what is an outage indeed.",
}


class Quiet(WSGIRequestHandler):
    """Prints one line a request, without colours."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:  # noqa: ARG002 - werkzeug's signature
        """Print the method, the path and the status."""
        sys.stderr.write(f"{self.command} {self.path} {getattr(code, 'value', code)}\n")


def main(arguments: list[str] | None = None) -> None:
    """Serve until Ctrl-C, then leave the database there, and no server of ours running."""
    options = _options(arguments)
    signal.signal(signal.SIGTERM, _end)
    try:
        with _listen(options.port) as listener:
            _run(options.db, listener)
    except (ValueError, RuntimeError) as wrong:
        sys.exit(str(wrong))
    except KeyboardInterrupt:
        pass


def _run(name: str, listener: socket.socket) -> None:
    database = open_database(name, anew=True)
    if os.environ.get("SENTRY_DSN"):
        sentry_sdk.init()
    app = create_app(database=database)
    server = make_server(HOST, 0, app, threaded=True, request_handler=Quiet, fd=listener.fileno())
    print(introduction(app, database, server.port), flush=True)  # noqa: T201 - what to open
    try:
        server.serve_forever()
    finally:
        server.server_close()
        database.bring_back()
        database.engine.dispose()


def introduction(app: Flask, database: Database, port: int) -> str:
    """Say what to open and what to try."""
    url = f"http://{HOST}:{port}"
    words = WITH if app.extensions["demo"].plugin else WITHOUT
    words = {key: text.format(url=url) for key, text in words.items()}
    return TO_TRY.format(url=url, title=database.title, projects=PROJECTS, **words)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m flask_diag.demo",
        description="A small package index, to see what flask-diag does.",
        epilog="DIAG=off shows the world without the plugin; CLEANUP=on lets every deletion remove invitations; "
        "SENTRY_DSN= sends events there; DEMO_DIR= keeps the data elsewhere.",
    )
    parser.add_argument(
        "--db", choices=DATABASES, default=os.environ.get("DB") or "sqlite", help="default: $DB or sqlite"
    )
    parser.add_argument(
        "--port", type=int, default=os.environ.get("PORT") or 5000, help="default: $PORT or 5000"
    )
    return parser.parse_args(arguments)


def _listen(port: int) -> socket.socket:
    """Take the port before anything else is done."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as refused:
        reason = (
            "is taken by another program"
            if refused.errno == errno.EADDRINUSE
            else f"cannot be used ({refused.strerror})"
        )
        sys.exit(
            f"Port {port} {reason}: choose another one, for instance PORT={port + 1 if port < 65535 else 5001}."
        )
    except OverflowError:
        sys.exit(f"Port {port} does not exist: choose one from 1024 to 65535, for instance PORT=5001.")
    listener.listen(128)
    return listener


def _end(_signal: int, _frame: FrameType | None) -> NoReturn:
    """End as Ctrl-C does, so that the embedded server is stopped too."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
