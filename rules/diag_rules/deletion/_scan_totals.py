"""The other way round, for those who run the service: which rule blocks how many subjects, what grew, and how old it is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ._verdict import Blocker, How, Outcome, Reason, Verdict

Moment = dt.datetime | dt.date


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTotal:
    """What one rule blocks.

    Attributes:
        subjects: that it blocks.
        rows: that block them.
        oldest: when the first of those rows was made, or None where no column says so or nobody asked.
    """

    subjects: int = 0
    rows: int = 0
    oldest: Moment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSummary:
    """A scan in a few numbers.

    Attributes:
        subject: the name of the mapped class or table.
        blocked: subjects that can't be deleted.
        uncertain: subjects of which it can't be known; of totals, those that only a scan can decide.
        rules: by the names of `rule_of`, what each blocks; a rule that blocks nothing is left out.
        played: no statement can count for this schema, so that each subject is played, in milliseconds instead of
            microseconds; only `totals` tells.
    """

    subject: str
    how: How
    blocked: int = 0
    uncertain: int = 0
    rules: Mapping[str, RuleTotal] = field(default_factory=lambda: MappingProxyType({}))
    played: bool = False

    @classmethod
    def of(cls, subject: str, how: How | str, verdicts: Iterable[Verdict]) -> ScanSummary:
        """The summary of the verdicts of a scan, read once, in the memory of a few numbers."""
        outcomes = dict.fromkeys(Outcome, 0)
        subjects: dict[str, int] = {}
        rows: dict[str, int] = {}
        for verdict in verdicts:
            outcomes[verdict.outcome] += 1
            for blocker in verdict.blockers:
                rule = rule_of(blocker)
                rows[rule] = rows.get(rule, 0) + blocker.count
            for rule in {rule_of(blocker) for blocker in verdict.blockers}:
                subjects[rule] = subjects.get(rule, 0) + 1
        return cls(
            subject=subject,
            how=How(how),
            blocked=outcomes[Outcome.BLOCKED],
            uncertain=outcomes[Outcome.UNCERTAIN],
            rules={rule: RuleTotal(subjects=subjects[rule], rows=rows[rule]) for rule in sorted(rows)},
        )

    def __add__(self, other: ScanSummary) -> ScanSummary:
        """The summary of both: of two ranges of keys that have no key in common."""
        rules = {rule: _sum(self.rules.get(rule), other.rules.get(rule)) for rule in self._names(other)}
        return ScanSummary(
            subject=self.subject,
            how=self.how,
            blocked=self.blocked + other.blocked,
            uncertain=self.uncertain + other.uncertain,
            rules=rules,
            played=self.played or other.played,
        )

    def since(self, before: ScanSummary) -> tuple[Growth, ...]:
        """What changed since *before*, what grew most first; what stayed as it was is left out."""
        nothing = RuleTotal()
        changes = (
            Growth(
                rule=rule,
                subjects=self.rules.get(rule, nothing).subjects - before.rules.get(rule, nothing).subjects,
                rows=self.rules.get(rule, nothing).rows - before.rules.get(rule, nothing).rows,
                new=rule not in before.rules,
                gone=rule not in self.rules,
            )
            for rule in self._names(before)
        )
        found = [change for change in changes if change.subjects or change.rows]
        return tuple(sorted(found, key=lambda change: (-change.subjects, -change.rows, change.rule)))

    def _names(self, other: ScanSummary) -> list[str]:
        return sorted({*self.rules, *other.rules})


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """How much more, or with a minus less, a rule blocks than before.

    Attributes:
        new: it blocked nothing before.
        gone: it blocks nothing any more.
    """

    rule: str
    subjects: int
    rows: int
    new: bool = False
    gone: bool = False


def rule_of(blocker: Blocker) -> str:
    """What a blocker is counted under: a business rule's name, or the referencing columns ("role_invitations.project_id").

    A closed set, known from schema and policy, the same in every language and on every database.
    """
    if blocker.reason is Reason.RULE:
        return str(blocker.constraint)
    return rule_name(blocker.table, blocker.columns)


def rule_name(table: str, columns: tuple[str, ...]) -> str:
    """The name of the rule that these referencing columns make."""
    return f"{table}.{'+'.join(columns)}" if columns else table


def _sum(one: RuleTotal | None, other: RuleTotal | None) -> RuleTotal:
    both = [each for each in (one, other) if each is not None]
    moments = [each.oldest for each in both if each.oldest is not None]
    return RuleTotal(
        subjects=sum(each.subjects for each in both),
        rows=sum(each.rows for each in both),
        oldest=min(moments, default=None),
    )
