"""The same small application on one database with diagnostics, without, without again, and with errors kept silent.

Without, Flask logs an error with its traceback and gives its own page; the second such application tells how much two runs
of the same thing differ, and what diagnostics cost has to be seen above that. The last one shows the least that an answer
to an error can cost: a handler that says a word, and nothing in the log. All write to one log file, as in production.
"""

from __future__ import annotations

import logging
import secrets
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flask import Flask
from prometheus_client import CollectorRegistry
from prometheus_client.samples import Sample
from sqlalchemy import URL, Engine, create_engine, text

from _threads import finish_late_questions
from diag_exporters import Exporter
from diag_exporters.log import log
from diag_exporters.prometheus import prometheus
from diag_exporters.sentry import sentry
from flask_diag import Diagnostics
from flask_diag.store import Store

Work = Callable[[Engine], object]
Scrape = dict[str, dict[tuple[tuple[str, str], ...], float]]
NOTHING: Mapping[str, Any] = MappingProxyType({})
NAMES = ("diag", "bare", "twin", "terse")
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, the seconds that it took, and those of them that its thread was busy."""

    status: int
    seconds: float
    busy: float


class Host:
    """One application with a pool of its own; its name says what it does about errors.

    Attributes:
        work: what a request does to the database.
        registry: what it counts, empty without diagnostics.
    """

    def __init__(
        self,
        name: str,
        engine: Engine,
        home: Path,
        *,
        exporters: Sequence[Exporter] = (),
        **config: Any,
    ) -> None:
        self.app, self.engine, self.registry = Flask(f"drill-{name}"), engine, CollectorRegistry()
        self.work: Work = read
        self.answered: Counter[bool] = Counter()
        self.news = threading.Condition()
        self.app.add_url_rule("/do", "do", self._do)
        if name == "diag":
            store = f"sqlite:///{home}/store.sqlite"
            settings = {"DIAG_STORE_URL": store, "DIAG_STORE_DRAIN": 0, "DIAG_PROBE_INTERVAL": 0.001}
            self.app.config.update(settings | config)
            told: list[Exporter] = [
                prometheus(self.registry),
                sentry(),
                log(),
                *exporters,
            ]  # the default ones first
            Diagnostics(self.app, engine, exporters=told, authorize=lambda _: True)
        elif name == "terse":  # as cheap as an application can handle an error
            self.app.register_error_handler(Exception, lambda _: ("error", 500))

    def _do(self) -> str:
        return str(self.work(self.engine))

    def ask(self) -> Answer:
        """Send one request."""
        client = self.app.test_client()
        began, worked = time.perf_counter(), time.thread_time()
        status = client.get("/do").status_code
        answer = Answer(status, time.perf_counter() - began, time.thread_time() - worked)
        with self.news:
            self.answered[status == 200] += 1
            self.news.notify_all()
        return answer

    def wait_for(self, count: int, *, well: bool) -> None:
        """Wait until *count* more requests were answered well, or by an error; raises TimeoutError after a minute."""
        with self.news:
            wanted = self.answered[well] + count
            if not self.news.wait_for(lambda: self.answered[well] >= wanted, 60):
                raise TimeoutError(
                    f"of {count} answers {'well' if well else 'by an error'} {wanted - self.answered[well]} did not come"
                )

    def requests(self) -> int:
        """Return how many requests were counted."""
        return int(sum(one.value for one in self._samples() if one.name == "diag_requests_total"))

    def scrape(self) -> Scrape:
        """Return what Prometheus would see: by series, by labels. The scrape probes the database."""
        if self.app.test_client().get("/metrics").status_code != 200:
            raise AssertionError("/metrics does not answer")
        return scraped(self.registry)

    def scrape_until_reached(self) -> Scrape:
        """Scrape until the probe has reached the database; on a busy machine the first may take more than its time."""
        for _ in range(20):
            found = self.scrape()
            if all(found["diag_probe_success"].values()):
                return found
        raise AssertionError("the probe does not reach the database")

    def _samples(self) -> Iterator[Sample]:
        for family in self.registry.collect():
            yield from family.samples

    def errors(self) -> Counter[tuple[str, str]]:
        """Return what was counted so far: category and kind."""
        return Counter(
            {
                (one.labels["category"], one.labels["kind"]): int(one.value)
                for one in self._samples()
                if one.name == "diag_db_errors_total" and one.value
            }
        )

    @property
    def store(self) -> Store:
        """Where its incidents are kept."""
        found = self.app.extensions["diag"].store
        assert isinstance(found, Store)
        return found

    def dropped(self) -> int:
        """Return how many incidents were counted as lost to the store."""
        return int(sum(one.value for one in self._samples() if one.name == "diag_incidents_dropped_total"))

    @property
    def outage(self) -> float | None:
        """The gauge."""
        return self.registry.get_sample_value("diag_outage_active")

    def later(self, seconds: float) -> None:
        """Let *seconds* pass for what judges whether an outage is over."""
        for one in self.app.extensions["diag"].outages.values():
            one._clock = lambda: time.monotonic() + seconds

    def close(self) -> None:
        """End what runs for it."""
        found = self.app.extensions.get("diag")
        if found is not None:
            found.store.close(0)
        self.engine.dispose()


@dataclass(frozen=True, slots=True)
class Phase:
    """What the four answered, request by request, and what was counted meanwhile."""

    answers: dict[str, list[Answer]]
    counted: Counter[tuple[str, str]]

    def statuses(self, name: str = "diag") -> list[int]:
        """Return them in order."""
        return [one.status for one in self.answers[name]]

    def failed(self, name: str = "diag") -> int:
        """Return how many were answered by an error."""
        return sum(status != 200 for status in self.statuses(name))

    def seconds(self, name: str) -> float:
        """Return the median."""
        return statistics.median(one.seconds for one in self.answers[name])

    def busy(self, name: str) -> float:
        """Return the median of the seconds that the thread was busy: nobody else on the machine changes it."""
        return statistics.median(one.busy for one in self.answers[name])

    @property
    def busier(self) -> float:
        """Seconds of work that diagnostics add to the median request; below 0 where they save some."""
        return self.busy("diag") - min(self.busy("bare"), self.busy("twin"))

    @property
    def beyond_silence(self) -> float:
        """Seconds of work by which the median request exceeds one whose error is kept silent."""
        return self.busy("diag") - self.busy("terse")

    @property
    def slower(self) -> float:
        """Seconds by which the median request with diagnostics is slower than without; may be below 0."""
        return self.seconds("diag") - min(self.seconds("bare"), self.seconds("twin"))

    @property
    def noise(self) -> float:
        """Seconds by which the medians of the two without differ."""
        return abs(self.seconds("bare") - self.seconds("twin"))


@dataclass
class Quartet:
    """The four applications of `NAMES`."""

    hosts: dict[str, Host] = field(default_factory=dict)

    @property
    def diag(self) -> Host:
        """The one with diagnostics."""
        return self.hosts["diag"]

    def wait_for(self, count: int, *, well: bool) -> None:
        """Wait until each application has answered *count* more requests well, or by an error."""
        for host in self.hosts.values():
            host.wait_for(count, well=well)

    def ask(self, count: int, work: Work, *, at_once: bool = False) -> Phase:
        """Send *count* requests to each, in turns, or to all four *at once* where each takes seconds."""
        before, answers = self.diag.errors(), {name: list[Answer]() for name in NAMES}
        self.work(work)
        for number in range(count):
            turn = number % len(NAMES)
            names = NAMES[turn:] + NAMES[:turn]  # none is always first
            if at_once:
                threads = [threading.Thread(target=self._keep, args=(answers, name)) for name in names]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
            else:
                for name in names:
                    self._keep(answers, name)
        return Phase(answers, self.diag.errors() - before)

    def work(self, work: Work) -> None:
        """Let requests do *work* from now on."""
        for host in self.hosts.values():
            host.work = work

    def _keep(self, answers: dict[str, list[Answer]], name: str) -> None:
        answers[name].append(self.hosts[name].ask())

    def until_well(self, work: Work, *, tries: int = 30, at_once: bool = False) -> Phase:
        """Ask until all four are well again, each three times in a row; raises AssertionError if they stay ill."""
        last = Phase({}, Counter())
        for _ in range(tries):
            last = self.ask(3, work, at_once=at_once)
            if not any(last.failed(name) for name in NAMES):
                return last
        raise AssertionError(f"after {tries} tries: { {name: last.statuses(name) for name in NAMES} }")


@contextmanager
def quartet(
    url: URL,
    home: Path,
    *,
    exporters: Sequence[Exporter] = (),
    config: Mapping[str, Any] = NOTHING,
    **options: Any,
) -> Iterator[Quartet]:
    """Run the four on *url*; *options* are those of their engines, *exporters* and *config* of the diagnostics."""
    made = Quartet()
    try:
        for name in NAMES:
            engine = create_engine(url, **options)
            made.hosts[name] = Host(name, engine, home, exporters=exporters, **config)
        with one_log():
            yield made
    finally:
        finish_late_questions()
        for host in made.hosts.values():
            host.close()


@contextmanager
def one_log() -> Iterator[None]:
    """Let a file be the only log: what pytest keeps for its report costs each line twice."""
    with tempfile.TemporaryFile("w", encoding="utf-8") as file:
        root, handler = logging.getLogger(), logging.StreamHandler(file)
        handler.setFormatter(logging.Formatter(LOG_FORMAT))
        before, root.handlers = root.handlers, [handler]
        try:
            yield
        finally:
            root.handlers = before


def scraped(registry: CollectorRegistry) -> Scrape:
    """Return what *registry* shows just now."""
    found: Scrape = {}
    for family in registry.collect():
        for one in family.samples:
            found.setdefault(one.name, {})[tuple(sorted(one.labels.items()))] = one.value
    return found


def read(engine: Engine) -> object:
    """Look at the data."""
    with engine.connect() as connection:
        return connection.execute(text("SELECT count(*) FROM things")).scalar()


def write(engine: Engine) -> object:
    """Change the data."""
    with engine.begin() as connection:
        return connection.execute(text("UPDATE things SET n = n + 1 WHERE id = 1")).rowcount


def insert(engine: Engine) -> object:
    """Add to the data: some kilobytes that nobody can compress."""
    body = {"body": secrets.token_hex(4000)}
    with engine.begin() as connection:
        return connection.execute(text("INSERT INTO notes (body) VALUES (:body)"), body).rowcount
