"""Servers that speak German, French or Japanese get the same answers, with codes and without."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from _servers import NotFound, Server, Servers
from diag_rules.errors import Kind, classify
from rules.errors import _mariadb, _postgresql
from rules.errors._attempt import attempt
from rules.errors._outages import OUTAGES, execute, lock_a_role

LOCALES = {"de": "de_DE", "fr": "fr_FR", "ja": "ja_JP"}
DRIVERS = {
    "postgresql15": _postgresql.DRIVERS,
    # the drivers built against libmariadb read the same packets, and are not installed everywhere
    "mariadb": [driver for driver in _mariadb.DRIVERS if driver not in {"mysqldb", "mariadbconnector"}],
}
NOWHERE = {"de": "existiert nicht", "fr": "existe pas", "ja": "\u5b58\u5728\u3057"}
"""What a server says of a table that does not exist: "does not exist"."""
SCHEMA = (
    (
        "CREATE TABLE parent (id int PRIMARY KEY, name varchar(80) NOT NULL, qty int, "
        "CONSTRAINT parent_name_key UNIQUE (name), CONSTRAINT parent_qty_positive CHECK (qty > 0))"
    ),
    (
        "CREATE TABLE child (id int PRIMARY KEY, parent_id int NOT NULL, "
        "CONSTRAINT child_parent_fk FOREIGN KEY (parent_id) REFERENCES parent (id))"
    ),
    "INSERT INTO parent (id, name, qty) VALUES (1, 'one', 1)",
    "INSERT INTO child VALUES (1, 1)",
)
STATEMENTS = {
    "INSERT INTO parent (id, name) VALUES (3, 'one')": (Kind.UNIQUE_VIOLATION, "parent_name_key"),
    "DELETE FROM parent WHERE id = 1": (Kind.FOREIGN_KEY_VIOLATION, "child_parent_fk"),
    "INSERT INTO child VALUES (2, 9)": (Kind.FOREIGN_KEY_VIOLATION, "child_parent_fk"),
    "INSERT INTO parent (id, name) VALUES (3, NULL)": (Kind.NOT_NULL_VIOLATION, None),
    "INSERT INTO parent (id, name, qty) VALUES (3, 'x', -1)": (Kind.CHECK_VIOLATION, "parent_qty_positive"),
    "SELECT * FROM nowhere": (Kind.UNDEFINED_TABLE, None),
}


WITHOUT_A_CODE = ["unknown database", "unknown user", "wrong password", "too many connections"]
"""Outages of which libpq drops the SQLSTATE while connecting, so that psycopg2 and psycopg know them by text."""


class Speakers:
    """A private server a name, with the schema and a role that needs a password; each speaks one language at a time."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._made: dict[str, Server] = {}
        self._spoken: dict[str, str] = {}

    def get(self, name: str, language: str) -> Server:
        """Return the server *name*, speaking *language*; raises NotFound without server or translation."""
        if name not in self._made:
            self._made[name] = self._servers.start_private(name, max_connections="10")
            self._made[name].create_database("shop")
            execute(self._made[name].url(database="shop"), *SCHEMA)
            lock_a_role(self._made[name])
        server = self._made[name]
        if self._spoken.get(name) != language:
            _teach(server, language)
            self._spoken[name] = language
        if NOWHERE[language] not in _text_of_nowhere(server):
            raise NotFound(f"{name}: messages in {language} are not installed")
        return server


def _teach(server: Server, language: str) -> None:
    if server.dialect == "mysql":
        execute(server.url(), f"SET GLOBAL lc_messages = '{LOCALES[language]}'")
        return
    # gettext translates under C.UTF-8 too, where LANGUAGE names a language; the server has it from its start
    server.stop()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LANGUAGE", language)
        server.start()
    execute(server.url(), "ALTER SYSTEM SET lc_messages = 'C.UTF-8'", "SELECT pg_reload_conf()")


def _text_of_nowhere(server: Server) -> str:
    return str(attempt(server.url(), server.url(), lambda bench: bench.run("SELECT * FROM nowhere")))


@pytest.fixture(scope="module")
def speakers(servers: Servers) -> Speakers:
    return Speakers(servers)


def _cases(names: dict[str, Any], what: list[str]) -> Iterator[Any]:
    for name in names:
        for language in LOCALES:
            for each in what:
                yield pytest.param(name, language, each, id=f"{name}-{language}-{each}")


@pytest.mark.parametrize(("name", "language", "statement"), list(_cases(DRIVERS, list(STATEMENTS))))
def test_an_error_means_the_same_in_every_language(  # noqa: PLR0917 - fixtures are arguments
    name: str, language: str, statement: str, speakers: Speakers, absent: Any, keep: Any
) -> None:
    kind, constraint = STATEMENTS[statement]
    try:
        server = speakers.get(name, language)
    except NotFound as missing:
        absent(str(missing))

    for driver in DRIVERS[name]:
        url = server.url(driver=driver, database="shop")
        error = attempt(url, server.url(), lambda bench: bench.run(statement))

        answer = classify(error)
        keep(f"{language}-{name}-{driver}-{kind}", error, answer.category, kind, constraint)
        assert (answer.kind, answer.constraint) == (kind, constraint), (driver, answer, repr(error))


@pytest.mark.parametrize(("name", "language", "outage"), list(_cases(DRIVERS, WITHOUT_A_CODE)))
def test_an_outage_is_one_in_every_language(  # noqa: PLR0917 - fixtures are arguments
    name: str, language: str, outage: str, speakers: Speakers, absent: Any, keep: Any
) -> None:
    provoke, kinds = OUTAGES[outage]
    try:
        server = speakers.get(name, language)
    except NotFound as missing:
        absent(str(missing))

    for driver in DRIVERS[name]:
        error = provoke(server, driver)

        answer = classify(error)
        keep(f"{language}-{name}-{driver}-{outage}", error, answer.category, answer.kind, None)
        assert answer.kind in kinds, (driver, answer, repr(error))


@pytest.mark.parametrize("language", LOCALES)
def test_a_statement_timeout_is_told_from_a_cancel_in_every_language(
    language: str, speakers: Speakers, absent: Any
) -> None:
    try:
        server = speakers.get("postgresql15", language)
    except NotFound as missing:
        absent(str(missing))

    error = attempt(
        server.url(),
        server.url(),
        lambda bench: bench.run("SET LOCAL statement_timeout = 20", "SELECT pg_sleep(20)"),
    )

    assert classify(error).evidence == "code 57014; statement time-out"
