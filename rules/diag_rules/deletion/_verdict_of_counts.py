"""Turn counts into a verdict, or say that counting can't decide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ._blockers import Group, Subject, blocker, clearing_order, facts_of
from ._count import Counts, CountStatement
from ._plan import Meaning, Plan, Term
from ._policy_bind import Clause
from ._schema import Schema
from ._verdict import Blocker, Effect


@dataclass(frozen=True, slots=True)
class Counted:
    """A plan, its statement, and what it brought for one subject."""

    schema: Schema
    plan: Plan
    statement: CountStatement
    counts: Counts


def undecided(schema: Schema, plan: Plan, counts: Counts) -> bool:
    """True where the rows are such that only a simulation can tell."""
    if not counts.plain or _doubtful(plan.terms, counts):
        return True
    if (
        schema.dialect == "sqlite"
        and _blocked(plan.terms, counts)
        and _orphans_possible(schema, plan, counts)
    ):
        return True
    return any(_doubtful(terms, counts) for _, terms in plan.variants)


def turning(plan: Plan, counts: Counts) -> tuple[str, ...]:
    """The relationships whose loading would turn the outcome."""
    blocked = _blocked(plan.terms, counts)
    return tuple(name for name, terms in plan.variants if _blocked(terms, counts) != blocked)


def _doubtful(terms: Iterable[Term], counts: Counts) -> bool:
    return any(term.meaning is Meaning.DOUBTFUL and _too_many(term, counts) for term in terms)


def _too_many(term: Term, counts: Counts) -> bool:
    count = counts.rows[term.edge, None]
    if term.allowed_as is None:
        return count > term.allowed
    cut = counts.cap is not None and count > counts.cap  # two counts that end at the cap can't be compared
    return cut or count > counts.rows[term.allowed_as, None]


def _blocked(terms: Iterable[Term], counts: Counts) -> bool:
    return any(term.meaning is Meaning.BLOCKS and counts.rows[term.edge, None] for term in terms)


def _orphans_possible(schema: Schema, plan: Plan, counts: Counts) -> bool:
    """True where a row that goes could be an orphan by another key: SQLite counts that against a new one."""
    for term in plan.terms:
        if term.meaning is Meaning.GOES and counts.rows[term.edge, None]:
            own = {here for _, here in term.edge.pairs}
            if any(set(fk.columns) != own for fk in schema.tables[term.edge.table].foreign_keys):
                return True
    return False


def counted_blockers(counted: Counted, subject: Subject, root: str, cap: int | None) -> tuple[Blocker, ...]:
    """Every blocker, those that must be cleared first before the others."""
    schema, plan, counts = counted.schema, counted.plan, counted.counts
    terms = {
        _group(term): term
        for term in plan.terms
        if term.meaning is Meaning.BLOCKS and counts.rows[term.edge, None]
    }
    after = clearing_order(schema, terms)
    found: list[Blocker] = []
    for group in sorted(terms, key=lambda group: after[group].place):
        term = terms[group]
        for clause, count in _by_clause(counted.statement, term, counts):
            facts = facts_of(
                schema, group, fk=term.fk, count=count, cap=cap, path=(root, *term.edge.path), subject=subject
            )
            found.append(blocker(facts, clause, after[group].first))
    return tuple(found)


def _group(term: Term) -> Group:
    return Group(term.edge.table, term.columns, term.constraint, term.reason, term.relationship)


def _by_clause(statement: CountStatement, term: Term, counts: Counts) -> Iterator[tuple[Clause | None, int]]:
    clauses = statement.clauses(term)
    rest = counts.rows[term.edge, None]
    if clauses and clauses[0].node is None:
        yield clauses[0], rest
        return
    for place, clause in enumerate(clauses):
        count = counts.rows[term.edge, place]
        rest -= count
        if count:
            yield clause, count
    if rest > 0:
        yield None, rest


def counted_effects(
    plan: Plan, counts: Counts, root: str, cap: int | None
) -> tuple[tuple[Effect, ...], tuple[Effect, ...]]:
    """What goes, the subject first, and what loses a reference."""
    gone = [Effect(table=root, count=1)]
    lost: list[Effect] = []
    for term in plan.terms:
        count = counts.rows[term.edge, None]
        if count and term.meaning in (Meaning.GOES, Meaning.LOSES):
            shown = count if cap is None else min(count, cap)
            kept, columns = (gone, ()) if term.meaning is Meaning.GOES else (lost, term.columns)
            kept.append(Effect(table=term.edge.table, count=shown, columns=columns, capped=shown < count))
    return tuple(gone), tuple(lost)
