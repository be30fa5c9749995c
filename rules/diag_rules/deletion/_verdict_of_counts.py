"""Turn counts into a verdict, or say that counting can't decide."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

from ._blockers import Group, Subject, blocker, clearing_order, facts_of
from ._count import Counts, Wanted
from ._hints import speaking_language, use_language
from ._plan import Meaning, Plan, Term
from ._policy_bind import Clause
from ._policy_texts import placeholders
from ._schema import Schema
from ._verdict import Blocker, Effect

KEPT = 1024  # values of one kind that are shared between verdicts
# what a policy's words may name of all subjects alike
SHARED = frozenset({"count", "relation", "table", "subject"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where subjects are: the schema, their own table's key in it, and what verdicts call them."""

    schema: Schema
    root: str
    name: str


class Decision:
    """What the counts of one plan mean: looked up once where each stands, so that a check only reads integers."""

    def __init__(
        self,
        place: Place,
        planned: Plan,
        places: Mapping[Wanted, int],
        clauses: Callable[[Term], Sequence[Clause]],
    ) -> None:
        """*places* says where each count stands, *clauses* what a policy says of a term's rows."""
        self._schema = place.schema
        self._root = place.root
        self._nobody = Subject(place.name, None, {})
        self._places = places
        self._clauses = clauses
        every = (planned.terms, *(terms for _, terms in planned.variants))
        doubtful = [term for terms in every for term in terms if term.meaning is Meaning.DOUBTFUL]
        self._doubtful = self._all_places(term for term in doubtful if not _limited(term))
        self._limited = [term for term in doubtful if _limited(term)]
        self._terms = [(self._place(term), term) for term in _blocking(planned.terms)]
        self._personal = {
            (number, place)
            for number, (_, term) in enumerate(self._terms)
            for place, clause in enumerate(clauses(term))
            if _names_subject(clause)
        }
        self._blocking = self._all_places(_blocking(planned.terms))
        self._variants = [(name, self._all_places(_blocking(terms))) for name, terms in planned.variants]
        self._orphaning = self._all_places(
            term for term in planned.terms if _may_be_orphan(self._schema, term)
        )
        self._all = planned.terms
        self._going = self._having(Meaning.GOES)
        self._losing = self._having(Meaning.LOSES)
        self._twice = _twice(planned.terms, self._losing)
        self._gone = Effect(table=place.root, count=1)
        # values that never change are shared: most subjects meet the same few relations with the same few counts
        self._effect = lru_cache(maxsize=KEPT)(self._counted)
        self._blocker = lru_cache(maxsize=KEPT)(self._described_for_all)
        self._in_order = lru_cache(maxsize=KEPT)(self._ordered)

    def _place(self, term: Term) -> int:
        return self._places[term.edge, None]

    def _having(self, meaning: Meaning) -> list[tuple[int, int]]:
        """The terms of that meaning: which they are, and where their counts stand."""
        return [(at, self._place(term)) for at, term in enumerate(self._all) if term.meaning is meaning]

    def _all_places(self, terms: Iterable[Term]) -> tuple[int, ...]:
        return tuple(dict.fromkeys(map(self._place, terms)))

    def undecided(self, counts: Counts) -> bool:
        """True where the rows are such that only a simulation can tell."""
        if not counts.plain or _any(counts, self._doubtful):
            return True
        if self._limited and any(self._too_many(term, counts) for term in self._limited):
            return True
        if any(counts.numbers[one] and counts.numbers[other] for one, other in self._twice):
            return True
        return bool(self._orphaning) and _any(counts, self._orphaning) and _any(counts, self._blocking)

    def _too_many(self, term: Term, counts: Counts) -> bool:
        count = counts.numbers[self._place(term)]
        if term.allowed_as is None:
            return count > term.allowed
        # two counts that end at the cap can't be compared
        cut = counts.cap is not None and count > counts.cap
        return cut or count > counts.numbers[self._places[term.allowed_as, None]]

    def turning(self, counts: Counts) -> tuple[str, ...]:
        """The relationships whose loading would turn the outcome."""
        if not self._variants:
            return ()
        blocked = _any(counts, self._blocking)
        return tuple(name for name, places in self._variants if _any(counts, places) != blocked)

    def blockers(self, counts: Counts, subject: Subject) -> tuple[Blocker, ...]:
        """Every blocker, those that must be cleared first before the others."""
        if not _any(counts, self._blocking):
            return ()
        present = tuple(number for number, (place, _) in enumerate(self._terms) if counts.numbers[place])
        language = speaking_language()
        found: list[Blocker] = []
        for number, first in self._in_order(present):
            for clause, count in self._by_clause(number, counts):
                if (number, clause) in self._personal:
                    found.append(self._described(number, clause, count, counts.cap, first, subject))
                else:
                    found.append(self._blocker(number, clause, count, counts.cap, first, language))
        return tuple(found)

    def _ordered(self, present: tuple[int, ...]) -> tuple[tuple[int, tuple[str, ...]], ...]:
        """Those terms in the order in which they can be cleared, each with what must be cleared before."""
        groups = {_group(self._terms[number][1]): number for number in present}
        after = clearing_order(self._schema, groups)
        ordered = sorted(groups, key=lambda group: after[group].place)
        return tuple((groups[group], after[group].first) for group in ordered)

    def _by_clause(self, number: int, counts: Counts) -> Iterator[tuple[int | None, int]]:
        """The rows of a term by the clause of the policy that speaks of them, None for the rest."""
        place, term = self._terms[number]
        rest = counts.numbers[place]
        clauses = self._clauses(term)
        if clauses and clauses[0].node is None:
            yield 0, rest
            return
        for clause in range(len(clauses)):
            count = counts.numbers[self._places[term.edge, clause]]
            rest -= count
            if count:
                yield clause, count
        if rest > 0:
            yield None, rest

    def _described_for_all(  # noqa: PLR0913, PLR0917 - what the words depend on
        self,
        number: int,
        clause: int | None,
        count: int,
        cap: int | None,
        first: tuple[str, ...],
        language: str,
    ) -> Blocker:
        """The blocker in words of *language* that name nobody."""
        with use_language(language):
            return self._described(number, clause, count, cap, first, self._nobody)

    def _described(  # noqa: PLR0913, PLR0917 - as above
        self,
        number: int,
        clause: int | None,
        count: int,
        cap: int | None,
        first: tuple[str, ...],
        subject: Subject,
    ) -> Blocker:
        _, term = self._terms[number]
        facts = facts_of(
            self._schema,
            _group(term),
            fk=term.fk,
            count=count,
            cap=cap,
            path=(self._root, *term.edge.path),
            subject=subject,
        )
        return blocker(facts, None if clause is None else self._clauses(term)[clause], first)

    def effects(self, counts: Counts) -> tuple[tuple[Effect, ...], tuple[Effect, ...]]:
        """What goes, the subject first, and what loses a reference."""
        return (self._gone, *self._found(self._going, counts)), tuple(self._found(self._losing, counts))

    def _found(self, terms: Iterable[tuple[int, int]], counts: Counts) -> list[Effect]:
        numbers, cap = counts.numbers, counts.cap
        return [self._effect(at, numbers[place], cap) for at, place in terms if numbers[place]]

    def _counted(self, at: int, count: int, cap: int | None) -> Effect:
        term = self._all[at]
        shown = count if cap is None else min(count, cap)
        columns = term.columns if term.meaning is Meaning.LOSES else ()
        return Effect(table=term.edge.table, count=shown, columns=columns, capped=shown < count)


def _twice(terms: Sequence[Term], losing: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The places of two references of one table: a row may lose both, and two counts don't say how many do."""
    pairs = combinations(losing, 2)
    return [(one, other) for (at, one), (to, other) in pairs if terms[at].edge.table == terms[to].edge.table]


def _limited(term: Term) -> bool:
    return bool(term.allowed) or term.allowed_as is not None


def _names_subject(clause: Clause) -> bool:
    """True where the clause's words differ from subject to subject, the count apart."""
    hint, link = clause.entry.hint, clause.entry.link
    used = {*(hint.placeholders() if hint else ()), *(placeholders(link) if link else ())}
    return bool(used - SHARED)


def _any(counts: Counts, places: Sequence[int]) -> bool:
    """True where there are rows at one of *places*."""
    return any(map(counts.numbers.__getitem__, places))


def _blocking(terms: Iterable[Term]) -> Iterator[Term]:
    return (term for term in terms if term.meaning is Meaning.BLOCKS)


def _may_be_orphan(schema: Schema, term: Term) -> bool:
    """True where a row that goes could be an orphan by another key: SQLite counts that against a new one."""
    if schema.dialect != "sqlite" or term.meaning is not Meaning.GOES:
        return False
    own = {here for _, here in term.edge.pairs}
    return any(set(fk.columns) != own for fk in schema.tables[term.edge.table].foreign_keys)


def _group(term: Term) -> Group:
    return Group(term.edge.table, term.columns, term.constraint, term.reason, term.relationship)
