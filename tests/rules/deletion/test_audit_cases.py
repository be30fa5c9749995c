"""Every audit rule, through its YAML cases: each states tables, relationships, and what the rule flags.

A column is written ``name``, ``name!`` for NOT NULL, and ``name! -> parent.id cascade`` for a foreign key with an action.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from sqlalchemy.orm import Session, registry, relationship

from diag_rules.deletion._schema import Action
from diag_rules.deletion.audit import REGISTRY, Model, audit

CASES = Path(__file__).parent / "cases"
_COLUMN = re.compile(r"(?P<name>\w+)(?P<required>!?)(?: -> (?P<target>[\w.]+)(?: (?P<action>.+))?)?$")


def _column(text: str, key: list[str]) -> sa.Column[Any]:
    found = _COLUMN.match(text)
    assert found is not None, text
    references = []
    if found["target"]:
        action = (found["action"] or "").upper() or None
        deferred = action is not None and action.endswith("DEFERRED")
        action = action.removesuffix("DEFERRED").strip() or None if action else None
        initially = "DEFERRED" if deferred else None
        references = [
            sa.ForeignKey(found["target"], ondelete=action, deferrable=deferred or None, initially=initially)
        ]
    name = found["name"]
    return sa.Column(
        name,
        sa.Integer,
        *references,
        primary_key=name in key,
        nullable=not found["required"] and name not in key,
    )


def _table(name: str, spec: dict[str, Any], metadata: sa.MetaData) -> sa.Table:
    key = spec.get("primary_key", ["id"])
    parts: list[Any] = [_column(text, key) for text in spec["columns"]]
    parts += [
        sa.ForeignKeyConstraint(
            each["columns"], each["to"], ondelete=each.get("ondelete"), name=each.get("name")
        )
        for each in spec.get("foreign_keys", [])
    ]
    parts += [sa.CheckConstraint(text) for text in spec.get("checks", [])]
    parts += [
        sa.UniqueConstraint(*columns, postgresql_nulls_not_distinct=spec.get("nulls_not_distinct", False))
        for columns in spec.get("uniques", [])
    ]
    table = sa.Table(name, metadata, *parts)
    for number, columns in enumerate(spec.get("indexes", [])):
        sa.Index(f"ix_{name}_{number}", *[table.c[column] for column in columns])
    return table


def _classes(case: dict[str, Any], metadata: sa.MetaData) -> dict[str, type]:
    """Map one class a table, with the relationships of the case."""
    mapped = registry(metadata=metadata)
    inherits = case.get("inherits", {})
    ordered = sorted(metadata.tables, key=lambda each: each in inherits)
    classes: dict[str, type] = {}
    for name in ordered:
        bases = (classes[inherits[name]],) if name in inherits else ()
        classes[name] = type(name.title().replace("_", ""), bases, {})
    for name in ordered:
        properties = {
            path.partition(".")[2]: _relationship(options, classes, metadata)
            for path, options in case.get("relationships", {}).items()
            if path.partition(".")[0] == name
        }
        mapped.map_imperatively(
            classes[name],
            metadata.tables[name],
            properties=properties,
            inherits=classes[inherits[name]] if name in inherits else None,
            **_polymorphic(case, name, metadata),
        )
    return classes


def _polymorphic(case: dict[str, Any], name: str, metadata: sa.MetaData) -> dict[str, Any]:
    """Return the discriminator's settings: rows of ones belong to the subclass."""
    if "discriminator" not in case:
        return {}
    if name in case["inherits"]:
        return {"polymorphic_identity": 1}
    return {"polymorphic_on": metadata.tables[name].c[case["discriminator"]], "polymorphic_identity": 0}


def _relationship(options: dict[str, Any], classes: dict[str, type], metadata: sa.MetaData) -> Any:
    options = dict(options)
    if "secondary" in options:
        options["secondary"] = metadata.tables[options["secondary"]]
    return relationship(classes[options.pop("to")], **options)


def _subject(case: dict[str, Any], metadata: sa.MetaData) -> Any:
    """Return the first table of the case, or its class; all of them are made in *metadata*."""
    for name, spec in case["tables"].items():
        _table(name, spec, metadata)
    root = next(iter(case["tables"]))
    return metadata.tables[root] if case.get("reflected") else _classes(case, metadata)[root]


def _model(case: dict[str, Any]) -> Model:
    model = Model.of(_subject(case, sa.MetaData()))
    changes: dict[str, dict[str, Any]] = {name: {"enforced": False} for name in case.get("not_enforced", [])}
    changes |= {name: {"broken": reason} for name, reason in case.get("broken", {}).items()}
    changes |= {name: {"ondelete": Action(text)} for name, text in case.get("in_database", {}).items()}
    tables = dict(model.schema.tables)
    for name, change in changes.items():
        keys = tuple(replace(fk, **change) for fk in tables[name].foreign_keys)
        tables[name] = replace(tables[name], foreign_keys=keys)
    return replace(model, schema=replace(model.schema, tables=tables, dialect=case.get("dialect", "")))


def _cases() -> list[Any]:
    found = []
    for path in sorted(CASES.glob("*.yaml")):
        body = yaml.safe_load(path.read_text(encoding="utf-8"))
        code = body.pop("rule")
        found += [pytest.param(code, case, id=f"{code}-{name}") for name, case in body.items()]
    return found


@pytest.mark.parametrize(("code", "case"), _cases())
def test_the_rule_flags_what_the_case_lists_and_nothing_else(code: str, case: dict[str, Any]) -> None:
    found = audit(_model(case), codes=[code])

    assert {finding.where: str(finding.severity) for finding in found} == case["flags"]


@pytest.mark.parametrize("code", sorted(REGISTRY))
def test_every_rule_has_a_case_that_flags_and_one_that_is_quiet(code: str) -> None:
    body = yaml.safe_load((CASES / f"{code}.yaml").read_text(encoding="utf-8"))

    assert body["rule"] == code
    assert {bool(case["flags"]) for name, case in body.items() if name != "rule"} == {True, False}


@pytest.mark.parametrize(("code", "case"), _cases())
def test_a_case_names_what_it_shows(code: str, case: dict[str, Any], request: pytest.FixtureRequest) -> None:
    name = request.node.callspec.id.split("-", 1)[1]

    assert name.startswith("flags_" if case["flags"] else "quiet_")


@pytest.mark.only("postgresql", "postgresql15")
def test_what_the_audit_says_comes_true(database: Any) -> None:
    """Each case is made real with one row a table: an error makes a deletion fail, and silence lets the ORM's pass."""
    wrong = []
    with database.engine().connect() as connection:
        for case in (param.values[1] for param in _cases()):
            if _plain(case):
                wrong += _judged(case, connection)

    assert wrong == []


def _plain(case: dict[str, Any]) -> bool:
    """Return whether the case is about mapped classes, and about a database that PostgreSQL can stand for."""
    special = {"reflected", "not_enforced", "broken", "circle", "in_database"} & case.keys()
    return not special and case.get("dialect", "postgresql") == "postgresql"


def _judged(case: dict[str, Any], connection: sa.Connection) -> list[str]:
    """Return what the audit says of the case and the database does not do."""
    metadata = sa.MetaData()
    subject = _subject(case, metadata)
    model = Model.of(subject)
    found = audit(replace(model, schema=replace(model.schema, dialect=connection.dialect.name)))
    worst = {str(finding.severity) for finding in found}
    refusing = any(fk.ondelete.refuses and model.declared(fk) for fk in model.references())
    with _made(metadata, connection):
        failures = [way for way in (_by_orm, _by_sql) if not way(subject, connection)]
    model.root_mappers[0].registry.dispose()
    if "error" in worst and not failures:
        return [f"{case['tables']}: an error, but both ways pass"]
    if not worst & {"error", "warning"} and not refusing and _by_orm in failures:
        return [f"{case['tables']}: silent, but the ORM fails"]
    if not worst and not refusing and failures:
        return [f"{case['tables']}: not even a note, but a way fails"]
    return []


@contextmanager
def _made(metadata: sa.MetaData, connection: sa.Connection) -> Iterator[None]:
    """Make the tables, each with one row of ones, for the length of the block."""
    transaction = connection.begin()
    try:
        metadata.create_all(connection)
        for table in metadata.sorted_tables:
            connection.execute(table.insert().values({column.name: 1 for column in table.columns}))
        yield
    finally:
        transaction.rollback()


def _at_commit(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SET CONSTRAINTS ALL IMMEDIATE"))


def _by_orm(subject: type, connection: sa.Connection) -> bool:
    session = Session(connection, join_transaction_mode="create_savepoint")
    try:
        session.delete(session.scalars(sa.select(subject)).one())
        session.flush()
        _at_commit(connection)
    except (sa.exc.SQLAlchemyError, AssertionError):
        return False
    finally:
        session.rollback()
        session.close()
    return True


def _by_sql(subject: type, connection: sa.Connection) -> bool:
    savepoint = connection.begin_nested()
    try:
        connection.execute(sa.delete(sa.inspect(subject).local_table))
        _at_commit(connection)
    except sa.exc.SQLAlchemyError:
        return False
    finally:
        savepoint.rollback()
    return True


# random mappings: what nobody thought of

_ACTIONS = ("", "cascade", "cascade", "set null", "restrict", "no action")


def _random_case(number: int) -> dict[str, Any]:
    """Return up to three tables below the subject, at any depth, with any action and most kinds of relationship."""
    dice = random.Random(number)
    names, tables, relationships = ["project"], {"project": {"columns": ["id"]}}, {}
    for name in "abc"[: dice.randint(1, 3)]:
        parent = dice.choice(names)
        tables[name] = _random_table(dice, parent, names)
        if dice.random() < 0.75 and len(tables[name]["columns"]) == 2:
            relationships[f"{parent}.of_{name}"] = _random_relationship(dice, name)
        names.append(name)
    return {"tables": tables, "relationships": relationships}


def _random_table(dice: random.Random, parent: str, names: list[str]) -> dict[str, Any]:
    columns = [f"up{dice.choice(['', '!'])} -> {parent}.id {dice.choice(_ACTIONS)}".strip()]
    if dice.random() < 0.2 and len(names) > 1:
        columns.append(
            f"also{dice.choice(['', '!'])} -> {dice.choice(names)}.id {dice.choice(_ACTIONS[:5])}".strip()
        )
    if dice.random() < 0.15:
        return {"columns": ["id!", *columns], "primary_key": ["id", "up"], "uniques": [["id"]]}
    return {"columns": ["id", *columns]}


def _random_relationship(dice: random.Random, name: str) -> dict[str, Any]:
    if dice.random() < 0.08:
        return {"to": name, "viewonly": True}
    cascade = dice.choice([None, None, "all", "all, delete-orphan"])
    passive = dice.choice([False, False, True, True if cascade else "all"])
    options = {
        "to": name,
        "passive_deletes": passive,
        "lazy": dice.choice([*["select"] * 6, "dynamic", "write_only"]),
    }
    if cascade:
        options["cascade"] = cascade
    if options["lazy"] == "select" and dice.random() < 0.2:
        options["uselist"] = False
    return options


def _make_ddl_transactional(engine: sa.Engine) -> None:
    """Begin transactions ourselves: the sqlite3 module begins none before CREATE TABLE."""

    def begin(connection: sa.Connection) -> None:
        connection.connection.driver_connection.isolation_level = None  # type: ignore[union-attr]  # sqlite3 has it
        connection.exec_driver_sql("BEGIN")

    sa.event.listen(engine, "begin", begin)


def _random_run(database: Any, numbers: range) -> list[str]:
    wrong = []
    engine = database.engine()
    if database.dialect == "sqlite":
        _make_ddl_transactional(engine)
    with engine.connect() as connection:
        for number in numbers:
            wrong += [f"seed {number}: {said}" for said in _judged(_random_case(number), connection)]
    return wrong


@pytest.mark.only("sqlite")
def test_what_the_audit_says_of_random_mappings_comes_true(database: Any) -> None:
    assert _random_run(database, range(200)) == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.only("sqlite", "postgresql", "postgresql15")
def test_what_the_audit_says_of_many_random_mappings_comes_true(database: Any) -> None:
    assert _random_run(database, range(1000, 1000 + (5000 if database.name == "sqlite" else 700))) == []
