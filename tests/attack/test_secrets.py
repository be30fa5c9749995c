"""One test that plants secrets wherever an application has any, breaks everything, and looks through all that comes out."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sentry_sdk
from sqlalchemy import create_engine, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from attack._index import Index, Package, fill, make_index
from diag_exporters._private_text import scrub_text
from flask_diag._trail import Entry
from flask_diag.store._tables import metadata

if TYPE_CHECKING:
    from conftest import Database

pytestmark = pytest.mark.only("sqlite", "postgresql")
StartSentry = Callable[..., list[dict[str, Any]]]
MAIL, CARD, PASSWORD, KEY, LINES = (
    "planted-mail@secret.example",
    "4111-planted-1111",
    "planted-hunter2",
    "planted-key-of-the-app",
    "planted first line\nplanted second line",
)
PLANTED = "planted"  # each secret has it, so that one search finds any of them, cut or quoted as it may be
BROKEN = (
    "INSERT INTO packages (name, mail) VALUES (:card, :mail)",  # unique: PostgreSQL's DETAIL quotes the row
    f"INSERT INTO packages (name, mail) VALUES ('{CARD}', '{MAIL}')",
    "INSERT INTO packages (name, mail) VALUES (NULL, :lines)",  # not null: "Failing row contains"
    "INSERT INTO files (id, package) VALUES (:card, :card)",  # PostgreSQL: invalid input syntax for type integer: "..."
    f"SELECT '{PASSWORD}' FROM nowhere_{KEY.replace('-', '_')}",
    f"SELEC '{MAIL}'",
    "SELECT CAST(:mail AS integer) / 0 FROM packages WHERE nothing = :card",
)


def break_everything(index: Index) -> Iterator[str]:
    """Make every sort of request, each with secrets in all of its parts; yield what is answered."""
    headers = {
        "Cookie": f"session={PASSWORD}",
        "Referer": f"https://x.example/?{MAIL}",
        "X-Request-ID": f"{KEY} {CARD}",
        "traceparent": PASSWORD,
    }
    data = {"mail": MAIL, "card": CARD, "lines": LINES, "password": PASSWORD}
    for sql in BROKEN:
        for accept in ("text/html", "application/json"):
            answer = index.client.post(
                "/run", data={"sql": sql, **data}, headers={**headers, "Accept": accept}
            )
            assert answer.status_code >= 400
            yield f"{answer.headers}\n{answer.text}"
    for wanted in (
        MAIL,
        CARD,
    ):  # asked for by a visitor: no page but the one that repeats the question may have it
        index.client.get("/diag/find", query_string={"q": wanted}, headers=headers, follow_redirects=True)
        index.client.get("/diag/api/v1/packages", query_string={"q": wanted}, headers=headers)


def read_everything(index: Index) -> Iterator[str]:
    """Yield each page that is about no other than all, every answer of the API, and what the commands print."""
    paths = ["/metrics", "/diag/readyz?details=1", "/diag/livez"]
    paths += [
        rule.rule
        for rule in index.app.url_map.iter_rules()
        if rule.endpoint.startswith(("flask_diag.", "diag_api."))
        and not rule.arguments
        and "GET" in (rule.methods or ())
    ]
    for path in paths:
        yield index.client.get(path).text
    yield index.client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"}).text
    for command in (
        ["doctor"],
        ["incidents"],
        ["incidents", "--json"],
        ["outages"],
        ["store", "status"],
        ["scan"],
        ["audit"],
        ["check", "other"],
    ):
        yield index.run(*command).output


def test_nothing_that_was_hidden_comes_out_anywhere(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture, start_sentry: StartSentry
) -> None:
    """Parameters, statements, DETAIL rows, forms, headers, settings, and the password of a connection that fails."""
    engine = database.engine()
    fill(engine, ["other"])
    with Session(engine) as session:
        session.add(Package(name="taken", mail=MAIL))
        session.commit()
    url = (
        database.url.render_as_string(hide_password=False)
        if database.server
        else f"sqlite:///{tmp_path / 'store.sqlite'}"
    )
    index = make_index(
        engine,
        SECRET_KEY=KEY,
        MAIL_PASSWORD=PASSWORD,
        DIAG_STORE_URL=url,
        DIAG_STORE_DRAIN=0,
        DIAG_SEARCH_LIMIT=None,
    )
    store, events, trail = index.app.extensions["diag"].store, start_sentry(), list[Entry]()
    store.upgrade()
    index.app.extensions["diag"].trail.append(trail.append)

    with caplog.at_level(logging.INFO):
        answers = list(break_everything(index))
        assert store.flush()
        answers += read_everything(index)

    with store.database.read() as connection:
        kept = [repr(row) for table in metadata.sorted_tables for row in connection.execute(select(table))]
    lines = [
        f"{record.getMessage()} { ({name: value for name, value in record.__dict__.items() if name.startswith('diag_')}) }"
        for record in caplog.records
        if record.name.startswith(("flask_diag", "diag_"))
    ]
    told = {
        "answers": answers,
        "metrics": [index.scrape],
        "log": lines,
        # what the SDK sends of a request is a setting of its own
        "events": [json.dumps({**event, "request": None}, default=str) for event in events],
        "store": kept,
        "trail": [repr(entry) for entry in trail],
        "incidents": [repr(one) for one in index.met],
    }
    assert {name: len(texts) > 0 for name, texts in told.items()} == dict.fromkeys(told, True)
    leaks = [
        (name, one[max(0, place - 200) : place + 60])
        for name, texts in told.items()
        for one in texts
        if (place := one.lower().find(PLANTED)) >= 0 and not _asked(one, place)
    ]
    assert leaks == []
    store.close()


def _asked(one: str, place: int) -> bool:
    """Tell the name of the table that the application itself misspelt: a schema's name is told, values never are."""
    return one[max(0, place - 8) : place] == "nowhere_"


@pytest.mark.only("sqlite")
@pytest.mark.parametrize("dialect", ["postgresql+psycopg", "mysql+pymysql"])
def test_the_password_of_a_server_that_is_away_comes_out_nowhere(  # noqa: PLR0917 fixtures
    database: Database,
    dialect: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    start_sentry: StartSentry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # where the store notes what it could not write
    engine = create_engine(
        f"{dialect}://app:{PASSWORD}@127.0.0.1:1/shop?application_name=x"
        if "psycopg" in dialect
        else f"{dialect}://app:{PASSWORD}@127.0.0.1:1/shop"
    )
    index, events = (
        make_index(engine, DIAG_STORE_URL=f"{dialect}://app:{PASSWORD}@127.0.0.1:1/store"),
        start_sentry(),
    )

    with caplog.at_level(logging.DEBUG, "flask_diag"):
        answers = [index.client.post("/run", data={"sql": "SELECT 1"}).text, *read_everything(index)]

    assert events
    told = [*answers, json.dumps(events, default=str), repr(index.met), index.scrape]
    told += [record.getMessage() for record in caplog.records if record.name.startswith("flask_diag")]
    assert [one for one in told if PLANTED in one] == []
    index.app.extensions["diag"].store.close()
    engine.dispose()


class _Holds:
    """An object of the application that shows what it holds."""

    def __repr__(self) -> str:
        return f"<Row {MAIL}>"


class _Breaks:
    """An object that can't be shown."""

    def __repr__(self) -> str:
        raise KeyError(MAIL)


@pytest.mark.only("sqlite")
def test_no_shape_of_a_value_carries_a_secret_into_an_event(
    database: Database, start_sentry: StartSentry
) -> None:
    """As a key, deep down, in a set, in bytes, in an object that shows itself, in an error of the application's own."""
    engine = database.engine()
    events = start_sentry()
    make_index(engine)
    deep: Any = MAIL
    for _ in range(30):
        deep = {"deeper": [deep]}
    shapes = {
        "key": {MAIL: 1},
        "deep": deep,
        "set": {MAIL},
        "bytes": MAIL.encode(),
        "object": _Holds(),
        "broken": _Breaks(),
    }

    for name, value in shapes.items():
        with sentry_sdk.new_scope() as scope:
            scope.set_extra(name, value)
            scope.set_context("form", {"sent": value})
            scope.add_breadcrumb(message=f"{name} {MAIL}", data={"sent": value})
            with pytest.raises(SQLAlchemyError) as failed, engine.connect() as connection:
                connection.execute(text("SELECT :mail FROM nowhere"), {"mail": MAIL})
            sentry_sdk.capture_exception(failed.value)

    assert len(events) >= len(shapes)
    assert [event for event in events if PLANTED in json.dumps(event, default=str)] == []


@pytest.mark.parametrize(
    "said",
    [
        f"Key (lower(mail::text))=({MAIL}) already exists.",
        f"Key (mail)=(a) b {MAIL}) already exists.",
        "DETAIL:  Key (mail)=(first\nplanted second) already exists.\nCONTEXT:  x",
        f"[parameters: {{'mail': '{MAIL}', 'note': 'cut o",
        f"Duplicate entry 'x' for key {MAIL}' for key 'mail'",
        f'invalid input syntax for type integer: "{MAIL}"',
        f'invalid input value for enum mood: "{MAIL}"',
        f"The duplicate key value is ({MAIL}).",
        f"Conversion failed when converting the varchar value '{MAIL}' to data type int.",
        f"{{'password': '{PASSWORD}', 'user': 'x'}}",
        f"DB_PASSWORD={PASSWORD}",
        f'"api_key": "{KEY}"',
        f"password='{PASSWORD} cut",
        f"redis://:{PASSWORD}@host/0",
        f"see https://x.example/a:b and mysql://u:{PASSWORD}@x@db/shop",
    ],
)
def test_a_text_that_the_application_made_of_an_error_is_masked(said: str) -> None:
    assert PLANTED not in scrub_text(said), scrub_text(said)
