"""Run every rule over a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from diag_rules.deletion._finding import Finding, Severity

from ._model import Model
from ._rule import REGISTRY, Rule

_DIRECT, _TELLS_MORE = ("DEL003", "DEL017"), ("DEL004", "DEL011")
_LISTED = 3
_WORST_FIRST = {severity: position for position, severity in enumerate(Severity)}


def audit(model: Model, codes: Iterable[str] | None = None) -> list[Finding]:
    """Return what the rules find in *model*, the worst first, then by place and name.

    *codes* limits the run to these rules. Raises KeyError for a code that no rule has.
    """
    chosen = list(REGISTRY.values()) if codes is None else [REGISTRY[code] for code in codes]
    found: dict[tuple[str, str], list[tuple[str, Finding]]] = {}
    # of several subjects the one that takes most with it tells the finding best
    for one in sorted(model.each(), key=lambda each: -len(each.reached)):
        for rule in chosen:
            for finding in _findings(rule, one):
                found.setdefault((finding.code, finding.where), []).append(
                    (one.roots[0] if one.roots else "", finding)
                )
    return sorted(_told_once({key: _worst(told) for key, told in found.items()}), key=_rank)


def _worst(told: list[tuple[str, Finding]]) -> Finding:
    """Return the worst of the findings about one place, with the other subjects that it concerns as much."""
    worst = min((finding for _, finding in told), key=lambda each: _WORST_FIRST[each.severity])
    others = [root for root, each in told if each.severity is worst.severity and each is not worst]
    if worst.code not in _TELLS_MORE or not others:
        return worst
    listed = ", ".join(others[:_LISTED]) + (", ..." if len(others) > _LISTED else "")
    return replace(worst, message=f"{worst.message} It concerns deleting from {listed} as well.")


def _told_once(found: dict[tuple[str, str], Finding]) -> Iterator[Finding]:
    """Yield all but the mild finding about a reference that another subject's audit tells in full."""
    for (code, where), finding in found.items():
        if code not in _DIRECT or not any((worse, where) in found for worse in _TELLS_MORE):
            yield finding


def _findings(rule: Rule, model: Model) -> Iterator[Finding]:
    for hazard in rule.check(model):
        yield Finding(
            code=rule.code,
            rule=rule.name,
            severity=hazard.severity or rule.severity,
            where=hazard.where,
            message=hazard.message,
            fix=hazard.fix,
            file=hazard.place.file if hazard.place else None,
            line=hazard.place.line if hazard.place else None,
        )


def _rank(finding: Finding) -> tuple[int, str, int, str, str]:
    return (
        _WORST_FIRST[finding.severity],
        finding.file or "",
        finding.line or 0,
        finding.code,
        finding.where,
    )
