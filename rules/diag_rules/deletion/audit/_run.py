"""Run every rule over a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from diag_rules.deletion._finding import Finding, Severity

from ._model import Model
from ._rule import REGISTRY, Rule

_DIRECT, _TELLS_MORE = "DEL003", ("DEL004", "DEL011")
_WORST_FIRST = {severity: position for position, severity in enumerate(Severity)}


def audit(model: Model, codes: Iterable[str] | None = None) -> list[Finding]:
    """Return what the rules find in *model*, the worst first, then by place and name.

    *codes* limits the run to these rules. Raises KeyError for a code that no rule has.
    """
    chosen = list(REGISTRY.values()) if codes is None else [REGISTRY[code] for code in codes]
    found: dict[tuple[str, str], Finding] = {}
    for one in model.each():
        for rule in chosen:
            for finding in _findings(rule, one):
                known = found.setdefault((finding.code, finding.where), finding)
                if _WORST_FIRST[finding.severity] < _WORST_FIRST[known.severity]:
                    found[finding.code, finding.where] = finding
    return sorted(_told_once(found), key=_rank)


def _told_once(found: dict[tuple[str, str], Finding]) -> Iterator[Finding]:
    """Yield all but the mild finding about a reference that another subject's audit tells in full."""
    for (code, where), finding in found.items():
        if code != _DIRECT or not any((worse, where) in found for worse in _TELLS_MORE):
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
