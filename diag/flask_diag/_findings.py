"""The audit of an application's models, done once; and of the database that it uses, done anew each time."""

from __future__ import annotations

from sqlalchemy import Table
from sqlalchemy.exc import SQLAlchemyError

from diag_rules.deletion import Finding, Schema
from diag_rules.deletion.audit import read_schema

from ._state import State, rules_in
from ._verdicts import asked, own_connection


class NotAsked(Exception):
    """The database could not be asked; its cause says why."""


def findings(state: State) -> tuple[Finding, ...]:
    """Return what the audit finds in the mapping of the subject.

    Raises:
        RuntimeError: the application named no subject.
    """
    if state.findings is None:
        state.findings = tuple(rules_in(state).audit())
    return state.findings


def database_findings(state: State) -> tuple[Finding, ...]:
    """Return what it finds in the mapping on the schema of the application's own database.

    Raises:
        RuntimeError: the application named no subject.
        LookupError: the database lacks the subject's table.
        NotAsked: the database can't be asked.
    """
    rules = rules_in(state)

    def ask() -> Schema:
        with own_connection(state.engine(), state.settings.check_timeout) as connection:
            return read_schema(connection)

    try:
        schema = asked(ask, state.engine())
    except (SQLAlchemyError, OSError) as error:  # an async driver lets OSError through
        raise NotAsked from error
    for table in rules.tables:
        _expect(table, schema)
    return tuple(rules.audit(schema))


def _expect(table: Table, schema: Schema) -> None:
    if schema.key(table.name, table.schema) not in schema.tables:
        raise LookupError(
            f"The database has no table {table.fullname}: create it or run the migrations, or leave out --database."
        )
