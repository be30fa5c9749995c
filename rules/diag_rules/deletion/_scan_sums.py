"""The sums of a scan, made by the database: a few rows, however many subjects are blocked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from ._plan import Meaning, Term
from ._scan_chain import named
from ._scan_statement import Code, ScanStatement
from ._scan_totals import Moment, RuleTotal, ScanSummary, rule_name

if TYPE_CHECKING:
    from ._scan import Wanted

# of the columns that hold a moment, the one that says when a row was made
MADE = ("created", "created_at", "created_on", "date_created", "creation_date", "inserted_at", "added", "added_at",
        "submitted_at", "timestamp", "time", "date")  # fmt: skip


def summed(
    connection: sa.Connection, statement: ScanStatement, name: str, wanted: Wanted, *, oldest: bool
) -> ScanSummary:
    """The summary of one range of keys."""
    hits = statement.hits(**wanted.ends())
    found = ScanSummary(subject=name, how=wanted.how)
    if hits is None:
        return found
    rules: dict[str, RuleTotal] = {}
    blocked = uncertain = 0
    sums = connection.execute(_grouped(statement, hits), wanted.values())
    for place, subjects, rows in map(tuple, sums.all()):
        if place == BLOCKED:
            blocked = subjects
        elif place == DOUBTFUL:
            uncertain = subjects
        else:
            rules[_names(statement)[place]] = RuleTotal(subjects=subjects, rows=int(rows))
    if oldest:
        ages = dict(_ages(connection, statement, set(rules), wanted))
        rules = {rule: replace(total, oldest=ages.get(rule)) for rule, total in rules.items()}
    return replace(found, blocked=blocked, uncertain=uncertain, rules=dict(sorted(rules.items())))


BLOCKED, DOUBTFUL = -1, -2


def _names(statement: ScanStatement) -> list[str]:
    """The rules of the statement, each once."""
    return list(dict.fromkeys(name for code in statement.codes if (name := _name(statement, code))))


def _name(statement: ScanStatement, code: Code) -> str:
    if code.term is not None:
        return rule_name(code.term[0].edge.table, code.term[0].columns)
    return statement.rule(code.rule).name if code.rule is not None else ""


def _grouped(
    statement: ScanStatement, hits: sa.Select[Any] | sa.CompoundSelect[Any]
) -> sa.CompoundSelect[Any]:
    """Subjects and rows by the rule's place; those that are blocked at all, and those in doubt."""
    names = _names(statement)
    places = [names.index(name) if (name := _name(statement, code)) else DOUBTFUL for code in statement.codes]
    each = hits.cte("diag_found")
    keys = [column for column in each.c if column.name.startswith("key_")]
    place = sa.case(dict(enumerate(places)), value=each.c.code, else_=DOUBTFUL).label("place")
    by_rule = sa.select(place, *keys, each.c.rows).subquery("diag_by_rule")
    mine = [by_rule.c[key.name] for key in keys]
    per_subject = sa.select(by_rule.c.place, *mine, sa.func.sum(by_rule.c.rows).label("rows"))
    once = per_subject.group_by(by_rule.c.place, *mine).subquery("diag_once")
    count = sa.func.count()
    doubtful = [number for number, code in enumerate(statement.codes) if code.doubtful]
    sure = sa.select(*keys).where(each.c.code.not_in(doubtful)).distinct().subquery("diag_sure")
    by_place: list[sa.ColumnElement[Any]] = [once.c.place, count, sa.func.sum(once.c.rows)]
    total: list[sa.ColumnElement[Any]] = [sa.literal_column(str(BLOCKED)), count, sa.literal_column("0")]
    return sa.union_all(sa.select(*by_place).group_by(once.c.place), sa.select(*total).select_from(sure))


# ages


def _ages(
    connection: sa.Connection, statement: ScanStatement, rules: set[str], wanted: Wanted
) -> Iterator[tuple[str, Moment | None]]:
    """When the first of the rows of each rule was made, one small statement a rule that says when."""
    for term in statement.terms(Meaning.BLOCKS):
        rule = rule_name(term.edge.table, term.columns)
        if rule in rules:
            select = _oldest(statement, term, wanted)
            if select is not None:
                yield rule, connection.scalar(select, wanted.values())


def _oldest(statement: ScanStatement, term: Term, wanted: Wanted) -> sa.Select[Any] | None:
    chain = statement.chain(term.edge)
    name = made_at({column.name: column.type for column in chain.last.rows.columns})
    if name is None:
        return None
    root, bounds = statement.root.alias("diag_subject"), statement.bounds(**wanted.ends())
    keys = [named(root, column.name) for column in bounds.columns]
    first = sa.func.min(named(chain.last.rows, name))
    return sa.select(first).select_from(chain.upwards(root)).where(*chain.present(), *bounds.of(keys))


def made_at(types: Mapping[str, Any]) -> str | None:
    """The column that says when a row was made: by its name, or the only one that holds a moment."""
    moments = [name for name, kind in types.items() if isinstance(kind, (sa.DateTime, sa.Date))]
    usual = [name for wanted in MADE for name in moments if name.lower() == wanted]
    return usual[0] if usual else moments[0] if len(moments) == 1 else None
