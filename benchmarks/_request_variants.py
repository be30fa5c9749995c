"""The application that `benchmarks.request` measures, bare or under one monitor; each runs in a process of its own."""

from __future__ import annotations

import io
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

from flask import Flask
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import IntegrityError

SCHEMA = (
    "CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT)",
    "INSERT INTO things VALUES (1, 'one')",
)
CASES = {"ok": ("/things/1", 200), "fk": ("/broken/1", 409)}


def application() -> tuple[Flask, Engine]:
    """Return an application that does one SELECT, or breaks a rule and answers 409 by a handler of its own."""
    app = Flask("measured")
    engine = create_engine(f"sqlite:///{tempfile.mkdtemp()}/app.sqlite")
    with engine.begin() as connection:
        for statement in SCHEMA:
            connection.execute(text(statement))
    select, insert = (
        text("SELECT name FROM things WHERE id = :id"),
        text("INSERT INTO things VALUES (:id, 'x')"),
    )

    @app.get("/things/<int:number>")
    def things(number: int) -> str:
        with engine.connect() as connection:
            return str(connection.execute(select, {"id": number}).scalar_one())

    @app.get("/broken/<int:number>")
    def broken(number: int) -> str:
        with engine.begin() as connection:
            connection.execute(insert, {"id": number})
        return "not reached"

    return app, engine


def _handler(app: Flask) -> None:
    app.register_error_handler(IntegrityError, lambda _: ("taken", 409))


def _bare(app: Flask, _engine: Engine) -> None:
    _handler(app)


def _floor(app: Flask, engine: Engine) -> None:
    """What one would write by hand: a histogram whose child is kept, and a counter of errors by class."""
    from flask import g, request
    from prometheus_client import CollectorRegistry, Counter, Histogram

    registry = CollectorRegistry()
    took = Histogram("took_seconds", "T.", ["method", "rule", "status"], registry=registry)
    errors = Counter("errors", "E.", ["type"], registry=registry)
    children: dict[Any, Any] = {}

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def end(response: Any) -> Any:
        key = (request.method, request.url_rule.rule if request.url_rule else "", response.status_code)
        child = children.get(key) or children.setdefault(key, took.labels(*key))
        child.observe(time.perf_counter() - g.began)
        return response

    @event.listens_for(engine, "handle_error")
    def count(context: Any) -> None:
        errors.labels(type(context.original_exception).__name__).inc()

    _handler(app)


def _ours(app: Flask, engine: Engine) -> None:
    from flask_diag import Diagnostics

    _handler(app)
    app.config["DIAG_STORE_URL"] = None
    Diagnostics(app, engine)


def _ours_storing(app: Flask, engine: Engine) -> None:
    """As it is by default: a thread of the process writes the incidents to a file, and its CPU is counted."""
    from flask_diag import Diagnostics

    _handler(app)
    app.config["DIAG_STORE_URL"] = f"sqlite:///{tempfile.mkdtemp()}/store.sqlite"
    Diagnostics(app, engine)


def _ours_answering(app: Flask, engine: Engine) -> None:
    from flask_diag import Diagnostics

    app.config["DIAG_STORE_URL"] = None
    Diagnostics(app, engine)


def _exporter(app: Flask, _engine: Engine) -> None:
    _handler(app)
    flask_exporter: Any = import_module("prometheus_flask_exporter")
    multi = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if multi:
        name = "prometheus_flask_exporter.multiprocess"
        import_module(name).MultiprocessPrometheusMetrics(app, group_by="url_rule")
    else:
        flask_exporter.PrometheusMetrics(app, group_by="url_rule")


def _telemetry(app: Flask, engine: Engine) -> None:
    _handler(app)
    trace: Any = import_module("opentelemetry.trace")
    sdk: Any = import_module("opentelemetry.sdk.trace")
    export: Any = import_module("opentelemetry.sdk.trace.export")

    class Nowhere(export.SpanExporter):  # type: ignore[misc] # not among the dependencies that mypy runs with
        def export(self, _spans: Any) -> Any:
            return export.SpanExportResult.SUCCESS

    provider = sdk.TracerProvider()
    provider.add_span_processor(export.BatchSpanProcessor(Nowhere()))
    trace.set_tracer_provider(provider)
    import_module("opentelemetry.instrumentation.flask").FlaskInstrumentor().instrument_app(app)
    # it declares SQLAlchemy before 2.1 only; its listeners work with 2.1 too
    alchemy = import_module("opentelemetry.instrumentation.sqlalchemy").SQLAlchemyInstrumentor()
    alchemy.instrument(engine=engine, skip_dep_check=True)


def _sentry(app: Flask, _engine: Engine) -> None:
    import sentry_sdk
    from sentry_sdk.transport import Transport

    class Nowhere(Transport):
        def capture_envelope(self, envelope: Any) -> None:
            """Drop it."""

    _handler(app)
    sentry_sdk.init(
        dsn="https://key@sentry.invalid/1", transport=Nowhere({"dsn": "https://key@sentry.invalid/1"})
    )


VARIANTS: dict[str, tuple[str, Callable[[Flask, Engine], None], bool]] = {
    "bare": ("the application alone", _bare, False),
    "floor": ("written by hand", _floor, False),
    "ours": ("flask-diag: metrics, log and Sentry's tags", _ours, False),
    "ours-storing": ("the same with its incident store", _ours_storing, False),
    "ours-answering": ("flask-diag, which answers the 409 itself", _ours_answering, False),
    "exporter": ("prometheus_flask_exporter, by url_rule", _exporter, False),
    "bare-multi": ("the application alone, again", _bare, True),
    "ours-multi": ("flask-diag: metrics, log and Sentry's tags, multi-process", _ours, True),
    "exporter-multi": ("prometheus_flask_exporter, by url_rule, multi-process", _exporter, True),
    "telemetry": ("OpenTelemetry for Flask and SQLAlchemy", _telemetry, False),
    "sentry": ("sentry-sdk for Flask and SQLAlchemy, errors only", _sentry, False),
}


def _environ(path: str) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def batch(app: Callable[..., Any], case: str, requests: int) -> float:
    """Return the microseconds of CPU that a request takes, over a batch."""
    path, wanted = CASES[case]
    seen: list[str] = []

    def start(status: str, _headers: Any, _exc_info: Any = None) -> Callable[[bytes], Any]:
        seen.append(status)
        return seen.append  # type: ignore[return-value] # WSGI's write, which nobody calls

    began = time.process_time()
    for _ in range(requests):
        answer = app(_environ(path), start)
        for _chunk in answer:
            pass
        answer.close()
    took = (time.process_time() - began) / requests * 1e6
    if any(not status.startswith(str(wanted)) for status in seen):
        raise SystemExit(f"{case} was answered {set(seen)}, not {wanted}: nothing was measured.")
    return took


def main() -> None:
    """Serve one variant: a line ``case requests`` in, the microseconds of a request out."""
    warnings.simplefilter("ignore")
    _, build, multi = VARIANTS[sys.argv[1]]
    if multi:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp()
    app, engine = application() if build is not _sentry else (None, None)
    if app is None:  # the SDK patches Flask: it is initialised first, as its documentation says
        _sentry(Flask("none"), create_engine("sqlite://"))
        app, engine = application()
        _handler(app)
    else:
        assert engine is not None
        build(app, engine)
    import gc

    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        case, requests = line.split()
        print(batch(app, case, int(requests)), flush=True)


if __name__ == "__main__":
    main()
