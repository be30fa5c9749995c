"""PromQL made from the catalogue: a rule or a panel that asks for a label which its metric lacks is not made at all."""

from __future__ import annotations

import re

from ._catalogue import Metric

# no backquote in a value: templates of annotations quote with it
_VALUE = r'"(?:[^"\\`]|\\.)*"'
_MATCHER = re.compile(rf"\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*({_VALUE})\s*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def vector(metric: Metric, *matchers: str) -> str:
    """Return the selector of *metric*, ``name{...}``; each of *matchers* is PromQL, empty ones count for nothing.

    Raises:
        ValueError: the metric has no such label. Labels that Prometheus adds (``job``) come by `target_labels`.
    """
    kept = [one for one in matchers if one]
    return f"{metric.name}{{{','.join(kept)}}}" if kept else metric.name


def label(metric: Metric, name: str, operator: str, value: str) -> str:
    """Return one matcher, ``name="value"``, on a label that *metric* has.

    Raises:
        ValueError: it has no such label.
    """
    if name not in metric.label_names:
        raise ValueError(
            f"{metric.name} has no label {name!r}: it has {', '.join(metric.label_names) or 'none'}."
        )
    return f'{name}{operator}"{value}"'


def matchers(text: str) -> str:
    r"""Return a list of matchers, checked and without its braces: ``job="shop",env=~"prod|stage"``.

    Raises:
        ValueError: *text* is none.
    """
    return ",".join("".join(one) for one in split(text))


def split(text: str) -> list[tuple[str, str, str]]:
    """Return the matchers of a list, each its label, its operator and its value in quotes.

    Raises:
        ValueError: *text* is no such list.
    """
    inner = text.strip().removeprefix("{").removesuffix("}").strip().removesuffix(",")
    found, at = [], 0
    while at < len(inner):
        one = _MATCHER.match(inner, at)
        if one is None or (one.end() < len(inner) and inner[one.end()] != ","):
            raise ValueError(
                f'The selector {text!r} is no list of label matchers: write job="shop",env=~"prod.*".'
            )
        found.append((one[1], one[2], one[3]))
        at = one.end() + 1
    return found


def label_name(text: str) -> str:
    """Return *text*, the name of a label.

    Raises:
        ValueError: no label can have that name.
    """
    if not _LABEL.fullmatch(text):
        raise ValueError(f"{text!r} is no name of a label: use letters, digits and underscores, such as job.")
    return text


_UNITS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def duration(seconds: float) -> str:
    """Return *seconds* as Prometheus writes them, in the largest unit that is exact: ``5m``, ``90s``, ``500ms``."""
    exact = round(seconds, 3)
    for size, unit in _UNITS:
        if exact >= size and exact % size == 0:
            return f"{int(exact // size)}{unit}"
    return f"{max(1, round(exact * 1000))}ms"


def number(value: float) -> str:
    """Return *value* without the noise of binary fractions: ``0.0144``."""
    return f"{value:.10g}"
