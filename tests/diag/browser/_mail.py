"""The e-mail that Alertmanager sends for an alert, as the one who is woken reads it."""

from __future__ import annotations

import email
import email.policy
import socketserver
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import yaml

from _monitoring import alertmanager, post_json

CASES = Path(__file__).parents[2] / "exporters" / "alert_cases"
SECONDS = 30


def mail_of(name: str) -> str:
    """The HTML of the e-mail for the alert *name*, with the labels and texts that ``promtool test rules`` holds it to."""
    (case,) = yaml.safe_load((CASES / f"{name}.yml").read_text("utf-8"))["tests"][0]["alert_rule_test"][:1]
    (alert,) = case["exp_alerts"]
    now = datetime.now(UTC)
    sent = {
        "labels": {"alertname": name, **alert["exp_labels"]},
        "annotations": alert["exp_annotations"],
        "startsAt": (now - timedelta(minutes=2)).isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
        "generatorURL": "http://prometheus.example/graph",
    }
    with _Postbox(("127.0.0.1", 0), _Letters) as box, tempfile.TemporaryDirectory() as data:
        Thread(target=box.serve_forever, daemon=True).start()
        with alertmanager(Path(data) / "alertmanager", _config(box.server_address[1])) as url:
            post_json(f"{url}/api/v2/alerts", [sent])
            letter = box.letters.get(timeout=SECONDS)
        box.shutdown()
    body = email.message_from_bytes(letter, policy=email.policy.default).get_body(("html",))
    assert body is not None
    return str(body.get_content())


def _config(port: int) -> str:
    return f"""\
global: {{smtp_smarthost: "127.0.0.1:{port}", smtp_from: "alerts@example.com", smtp_require_tls: false}}
route: {{receiver: pager, group_by: [alertname], group_wait: 0s}}
receivers: [{{name: pager, email_configs: [{{to: "oncall@example.com"}}]}}]
"""


class _Postbox(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.letters: Queue[bytes] = Queue()


class _Letters(socketserver.StreamRequestHandler):
    """As much of SMTP as it takes to be given a letter."""

    server: _Postbox

    def handle(self) -> None:
        self._say("220 ready")
        for line in self.rfile:
            match line.split()[0].upper():
                case b"DATA":
                    self._say("354 go on")
                    self.server.letters.put(b"".join(iter(self.rfile.readline, b".\r\n")))
                    self._say("250 kept")
                case b"QUIT":
                    self._say("221 bye")
                    return
                case _:
                    self._say("250 fine")

    def _say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())
