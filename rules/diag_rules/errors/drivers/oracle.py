"""python-oracledb and cx_Oracle: ``args[0]`` with ``code``, ``full_code`` and ``message``."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from diag_rules.errors._reading import Reading, field, first_argument, text

_WRAPPING = frozenset({604, 2091, 4088, 6512, 24381})
"""Numbers that wrap the one that matters, on a line behind them."""


@lru_cache(maxsize=1)
def _line() -> re.Pattern[str]:
    return re.compile(r"^(ORA|DPY|DPI|TNS)-(\d{3,5}): ?(.*)$", re.MULTILINE)


@lru_cache(maxsize=1)
def _constraint() -> re.Pattern[str]:
    return re.compile(r"\(([^().\s]+)\.([^().\s]+)\)")


@lru_cache(maxsize=1)
def _column() -> re.Pattern[str]:
    return re.compile(r'"([^"]+)"\."([^"]+)"\."([^"]+)"')


def read_oracle(error: BaseException, driver: str) -> Reading:
    """Read the number, or the driver's own ``full_code`` where the number is 0, and the names in the message."""
    source: Any = first_argument(error)
    message = field(source, "message") if not isinstance(source, str) else source
    message = message or text(source)
    code = source.get("code") if isinstance(source, dict) else getattr(source, "code", None)
    full_code = field(source, "full_code")
    lines = [(kind, int(number), rest) for kind, number, rest in _line().findall(message)]
    number, line = _number(code, full_code, lines)
    reading = Reading(driver, "oracle", None, number, line or message, type(error).__name__)
    _add_names(reading)
    return reading


def _number(
    code: Any, full_code: str | None, lines: list[tuple[str, int, str]]
) -> tuple[int | str | None, str]:
    """Return the number that matters, with its line."""
    oracle = [(number, rest) for kind, number, rest in lines if kind in {"ORA", "TNS"}]
    if type(code) is not int or code <= 0:
        if full_code and not full_code.startswith("ORA-"):
            return full_code, ""
        if not oracle:
            return (f"{lines[0][0]}-{lines[0][1]:04}" if lines else None), ""
        code = oracle[0][0]
    if code in _WRAPPING:
        for number, rest in oracle:
            if number not in _WRAPPING:
                return number, rest
    return code, next((rest for number, rest in oracle if number == code), "")


def _add_names(reading: Reading) -> None:
    if reading.code in {1, 2290, 2291, 2292}:
        found = _constraint().search(reading.message)
        if found:
            reading.constraint = found[2]
    elif reading.code in {1400, 1407, 12899}:
        names = _column().search(reading.message)
        if names:
            reading.table, reading.columns = names[2], (names[3],)
