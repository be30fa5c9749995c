"""What reads texts reads any text: error messages, pasted log lines, the mask of secrets, rule packs, tokens."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from diag_exporters._private_text import scrub_text
from diag_exporters.log import plain
from diag_rules.deletion import DeletionPolicy, PolicyError
from diag_rules.errors import PAIRS, Classification, classify, explain, explain_line
from flask_diag import demo
from flask_diag._codes import DIALECTS, meaning_of
from flask_diag._tokens import tokens_of
from flask_diag._visible import one_line
from fuzz._effort import effort
from fuzz._texts import letters, mutated, texts
from rules.errors._stand_ins import stand_in, wrapped
from rules.errors.test_never_raises import ATTRIBUTES, CODES, NAMES
from rules.errors.test_never_raises import values as any_values

MODULES = ("psycopg.errors", "psycopg2", "pg8000.exceptions", "asyncpg.exceptions", "pymysql.err", "MySQLdb", "mysql.connector.errors", "mariadb", "sqlite3", "oracledb", "pyodbc", "pymssql.exceptions", "cx_Oracle")  # fmt: skip


def sensible(found: Classification) -> None:
    """Hold an answer to what every answer has."""
    assert (found.category, found.kind) in PAIRS
    assert "classifying failed" not in found.evidence, found.evidence
    json.dumps([found.constraint, found.table, found.columns])


@effort(300)
@given(
    st.sampled_from(MODULES),
    st.sampled_from(NAMES),
    st.lists(texts | any_values, min_size=1, max_size=3),
    st.dictionaries(st.sampled_from(ATTRIBUTES), texts | any_values | st.sampled_from(CODES), max_size=3),
)
def test_a_message_of_any_kind_is_classified(
    module: str, name: str, arguments: list[Any], attributes: dict[str, Any]
) -> None:
    error = stand_in(f"{module}.{name}", *arguments, **attributes)

    sensible(classify(error))
    sensible(classify(wrapped(error)))


@effort(150)
@given(texts, st.sampled_from(DIALECTS) | st.none() | letters)
def test_whatever_is_pasted_is_explained_or_unknown(text: str, dialect: str | None) -> None:
    sensible(explain_line(text))
    sensible(explain(dialect or "postgresql", text))
    found = meaning_of(text, "sqlite", dialect)
    if found is not None:
        sensible(found)


SECRET = "hunter2planted"
FRAMES = (
    "postgresql://app:{}@db/shop", "password={}", "PWD={{{}}};UID=x", "[parameters: ('{}',)]", "[SQL: SELECT '{}']", "Failing row contains (1, {}).",
    "Duplicate entry '{}' for key 'x'", "DETAIL:  Key (a)=({}) already exists.", "Key (lower(a))=({}) already exists", "Incorrect integer value: '{}' for column `a`",
    'invalid input syntax for type integer: "{}"',
)  # fmt: skip
inside = st.text(st.characters(codec="utf-8", exclude_characters="@ \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0;,&)]}>'\"\\{"), max_size=8).filter(str.isprintable)  # fmt: skip


@effort(150)
@given(st.sampled_from(FRAMES), inside, inside, texts, texts)
def test_no_secret_survives_whatever_stands_around_it(
    frame: str, before: str, after: str, left: str, right: str
) -> None:
    """On lines of its own: what stands on the line of a value, in front of it, belongs to whoever wrote it."""
    said = f"{left}\n{frame.format(before + SECRET + after)}\n{right}"

    assert SECRET not in scrub_text(said)


@effort(150)
@given(texts, st.lists(st.text(min_size=4, max_size=20), max_size=3))
def test_masking_never_fails_and_what_is_masked_stays_so(text: str, secrets: list[str]) -> None:
    masked = scrub_text(text, secrets)

    assert [secret for secret in secrets if secret in masked and secret not in "[removed]"] == [] or len(
        secrets
    ) > 1


@effort(60)
@given(texts | letters)
def test_a_name_is_one_printable_word(text: str) -> None:
    assert one_line(text).isprintable()
    assert len(one_line(text)) == len(text)
    written = plain(text)
    assert written.isprintable()
    assert re.fullmatch(r'[^ "=]+|"(?:[^"\\]|\\.)*"', written)


PACKS = (
    Path(demo.__path__[0], "deletion.toml").read_text(encoding="utf-8"),
    (
        '[subject]\nname = "x"\n[[relation]]\ntable = "a"\nwhen = "b == \'c\' and d in [1, 2]"\n'
        'hint = { en = { one = "x", other = "{count} y" } }\n'
    ),
)


@effort(150)
@given(mutated(PACKS))
def test_a_rule_pack_of_any_text_loads_or_says_what_is_wrong(text: str) -> None:
    with suppress(PolicyError):
        DeletionPolicy.load(f"{text}\n")


@effort(100)
@given(st.text(max_size=100) | mutated(("ci:read+metrics:" + "0" * 64 + ":2027-01-01",)))
def test_a_token_of_any_text_is_read_or_refused_without_showing_it(text: str) -> None:
    with suppress(ValueError):
        tokens_of([text])
