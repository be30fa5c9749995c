"""From rows of a scan to verdicts: the same blockers that a check gives, at a fraction of its cost.

Subjects that are blocked alike get the same blockers but for what names the subject. So those are written once for each
pattern of counts, with marks where a hint or a link names the subject, and only the marks are filled in for each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from ._blockers import Subject
from ._count import Counts, places
from ._hints import speaking_language, spoken_key
from ._judge import Judge, Known
from ._orm_objects import locate
from ._plan import Plan
from ._scan_rows import Part
from ._scan_statement import Code, ScanStatement
from ._verdict import SET_JUDGEMENT, SET_KEY, Blocker, How, Judgement, Outcome, Verdict, judged
from ._verdict_of_counts import Decision, Place

PATTERNS = 10_000  # that are kept: a few megabytes
MARK = "\ue000"  # of a private use area: no text of people has it
Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """What subjects that are blocked alike have in common.

    Attributes:
        judgement: what is said of each, with marks where its texts name the subject.
        doubtful: counting can't decide, so there is nothing else.
        marked: the texts name the subject.
    """

    judgement: Judgement
    doubtful: bool = False
    marked: bool = False


@dataclass(slots=True)
class Patterns:
    """The patterns in one language, by all of the rows of one subject that decides about its blockers.

    Attributes:
        plain: that are said of every subject alike.
        special: the others.
    """

    plain: dict[tuple[Any, ...], Judgement] = field(default_factory=dict)
    special: dict[tuple[Any, ...], Pattern] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Doubt:
    """A subject that counting can't decide."""

    key: Key


class Writer:
    """Writes the verdicts of the scans of one way; what it has written for patterns of counts it keeps."""

    def __init__(  # noqa: PLR0913, PLR0917 - each is a part of its own
        self, judge: Judge, known: Known, plan: Plan, statement: ScanStatement, how: How, cap: int | None
    ) -> None:
        self._judge = judge
        schema = known.by(judge.policy)
        self._statement = statement
        self._places = places(plan, statement.clauses)
        where = Place(schema, locate(schema, judge.tables[0]).key, judge.name)
        self._decision = Decision(where, plan, self._places, statement.clauses)
        self._rules = len(judge.policy.rules) if judge.policy is not None else 0
        self._how = how
        self._cap = cap
        self._width = len(statement.root.primary_key.columns)
        self._words = len(statement.names)
        self._kept: dict[str, Patterns] = {}
        self._marks = [f"{MARK}{place}{MARK}" for place in range(1 + self._words)]

    def verdicts(self, parts: Iterator[Part]) -> Iterator[Verdict | Doubt]:
        """The verdicts on the subjects of the rows, and those subjects that counting can't decide, in order of keys."""
        shown: Any = slice(0, self._width) if self._width > 1 else 0
        deciding = slice(self._width + self._words, None)
        key: Any = None
        first: Any = None  # of the rows of one subject
        same: tuple[Any, ...] = ()  # of its rows, all that decides about its blockers
        new, set_key, set_judgement = object.__new__, SET_KEY, SET_JUDGEMENT
        for part in parts:
            patterns = self._patterns()
            plain = patterns.plain
            for row in part:
                here = row[shown]
                if here == key:
                    same += row[deciding]
                    continue
                if (judgement := plain.get(same)) is not None:
                    verdict = new(
                        Verdict
                    )  # as `judged` does: a call would be a quarter of what a subject costs
                    set_key(verdict, key)
                    set_judgement(verdict, judgement)
                    yield verdict
                elif same:
                    yield self._one(patterns, same, key, first)
                key, first, same = here, row, row[deciding]
        if same:
            yield self._one(self._patterns(), same, key, first)

    def _one(self, patterns: Patterns, same: tuple[Any, ...], key: Any, first: Any) -> Verdict | Doubt:
        judgement = patterns.plain.get(same)
        if judgement is not None:
            return judged(key, judgement)
        pattern = patterns.special.get(same) or self._remember(patterns, same)
        if pattern.doubtful:
            return Doubt(key if self._width > 1 else (key,))
        if not pattern.marked:
            return judged(key, pattern.judgement)
        words = first[self._width : self._width + self._words]
        return judged(key, self._filled(pattern.judgement, same, key, words))

    def _patterns(self) -> Patterns:
        """The patterns in the language of the moment, kept from one scan to the next."""
        language = speaking_language()
        found = self._kept.get(language)
        if found is None or len(found.plain) + len(found.special) > PATTERNS:
            found = self._kept[language] = Patterns()
        return found

    # patterns

    def _remember(self, patterns: Patterns, same: tuple[Any, ...]) -> Pattern:
        found = self._pattern(same, self._marks[0], self._marks[1:])
        if found.doubtful or found.marked:
            patterns.special[same] = found
        else:
            patterns.plain[same] = found.judgement
        return found

    def _pattern(self, same: tuple[Any, ...], key: Any, words: Sequence[Any]) -> Pattern:
        nothing = Judgement(self._judge.name, self._how, Outcome.BLOCKED)
        counts = self._counts(same)
        if counts is None:
            return Pattern(nothing, doubtful=True)
        subject = Subject(self._judge.name, key, dict(zip(self._statement.names, words, strict=True)))
        rules, warnings = self._judge.business(counts.rules, subject)
        blockers = (*self._decision.blockers(counts, subject), *rules)
        texts = [*warnings, *(text for each in blockers for text in (each.hint, each.remedy.link or ""))]
        loaded = self._decision.turning(counts)
        return Pattern(
            nothing._replace(blockers=blockers, warnings=warnings, depends_on_loaded=loaded),
            marked=any(MARK in text or quote(MARK) in text for text in texts),
        )

    def _counts(self, same: tuple[Any, ...]) -> Counts | None:
        """The counts as a check has them; None where a simulation must tell."""
        length = 2 + self._statement.more
        numbers = [0] * len(self._places)
        answers = [(False, 0)] * self._rules
        for start in range(0, len(same), length):
            code, count, *more = same[start : start + length]
            if (more and more.pop()) or self._statement.codes[code].doubtful:
                return None
            self._count(self._statement.codes[code], count, numbers, answers)
            for place in self._statement.warning:
                answers[place] = (bool(more.pop(0)), more.pop(0))
            for edge, found in zip(self._statement.loaded, more, strict=True):
                numbers[self._places[edge, None]] = found
        return Counts(numbers, plain=True, version=0, values={}, rules=answers, cap=self._cap)

    def _count(self, code: Code, count: int, numbers: list[int], answers: list[tuple[bool, int]]) -> None:
        """Once more for one code: keys that the database holds equal, and that are written in two ways."""
        if code.rule is not None:
            answers[code.rule] = (True, answers[code.rule][1] + count)
        elif code.term is not None:
            term, place = code.term
            numbers[self._places[term.edge, None]] += count
            if place is not None:
                numbers[self._places[term.edge, place]] += count

    def _filled(
        self, judgement: Judgement, same: tuple[Any, ...], key: Any, words: Sequence[Any]
    ) -> Judgement:
        if None in words:
            return self._pattern(same, key, words).judgement  # a link without its value is left out
        plain = list(zip(self._marks, [spoken_key(key), *map(str, words)], strict=True))
        quoted = [(quote(mark, safe=""), quote(text, safe="")) for mark, text in plain]
        return judgement._replace(
            blockers=tuple(_filled(each, plain, quoted) for each in judgement.blockers),
            warnings=tuple(_fill(text, plain) for text in judgement.warnings),
        )


Marks = Sequence[tuple[str, str]]


def _filled(blocker: Blocker, plain: Marks, quoted: Marks) -> Blocker:
    link = blocker.remedy.link
    remedy = blocker.remedy if link is None else replace(blocker.remedy, link=_fill(link, quoted))
    return replace(blocker, hint=_fill(blocker.hint, plain), remedy=remedy)


def _fill(text: str, marks: Marks) -> str:
    for mark, value in marks:
        text = text.replace(mark, value)
    return text
