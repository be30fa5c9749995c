"""Whatever is asked, over HTTP or on the command line, is answered: no 5xx, no traceback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attack._index import Index, fill, make_index
from attack._names import ENGLISH, STORED
from fuzz._effort import effort
from fuzz._texts import letters, texts

names = st.one_of(st.sampled_from([ENGLISH, *STORED.values()]), texts, letters)
numbers = st.sampled_from(["0", "1", "-1", "200", "201", "1e3", "٣", "9" * 30, "", "NaN", "0x1", "²"])
moments = st.sampled_from(
    [
        "2026-11-22T12:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "now",
        "2026-11-22",
        "",
        "1e9",
    ]
)
cursors = st.sampled_from(
    ["W10", "WyJhIiwiYiJd", "bnVsbA", "W1tdLFtdXQ", "e30", "=", "a" * 5999, "W251bGwsbnVsbF0", "MTIz"]
)
OPERATIONS = (
    "overview",
    "classification",
    "packages",
    "packages/{}",
    "findings",
    "incidents",
    "outages",
    "history/{}",
    "blocked",
    "openapi.json",
    "{}",
)
PARAMETERS = (
    "q",
    "limit",
    "after",
    "how",
    "lang",
    "text",
    "dialect",
    "severity",
    "category",
    "kind",
    "bind",
    "endpoint",
    "broke",
    "reference",
    "since",
    "until",
    "rule",
    "order",
    "x",
)
COMMANDS = (
    "check",
    "scan",
    "delete",
    "audit",
    "classify",
    "incidents",
    "outages",
    "store",
    "alerts",
    "dashboard",
    "token",
    "doctor",
)
OPTIONS = (
    "--json", "--how", "--lang", "--format", "--execute", "--since", "--limit", "--after", "--kind", "--request-id", "--category", "--dialect", "--days", "--may",
    "--bind", "--rows", "--severity", "--explain", "--fail-on", "--help", "--", "status", "upgrade", "prune", "orm", "sql", "csv", "json", "sarif", "github", "7d", "999999w",
    "0m", "1", "-1", "99999999999999999999", "en", "zh", "xx", "DEL001", "postgresql", "",
)  # fmt: skip


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """The index, with a store, for all examples."""
    from sqlalchemy import create_engine

    folder = tmp_path_factory.mktemp("fuzz")
    engine = create_engine(f"sqlite:///{folder / 'index.sqlite'}")
    fill(engine, [ENGLISH, *STORED.values()])
    url = f"sqlite:///{folder / 'store.sqlite'}"
    index = make_index(
        engine,
        DIAG_STORE_URL=url,
        DIAG_STORE_DRAIN=0,
        DIAG_SEARCH_LIMIT=None,
        DIAG_CHECK_TIMEOUT=20.0,
        SECRET_KEY="s",
    )
    store = index.app.extensions["diag"].store
    store.upgrade()
    index.client.post("/told", json={"name": ENGLISH})
    assert store.flush()
    yield index
    store.close()
    engine.dispose()


def encoded(text: str) -> str:
    """Return *text* as an address has it, lone surrogates as the bytes that they were."""
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


@effort(120)
@given(
    st.sampled_from(OPERATIONS),
    names,
    st.lists(st.tuples(st.sampled_from(PARAMETERS), st.one_of(names, numbers, moments, cursors)), max_size=4),
)
def test_the_api_answers_whatever_is_asked(
    index: Index, operation: str, name: str, query: list[tuple[str, str]]
) -> None:
    asked = "&".join(f"{key}={encoded(value)}" for key, value in query)

    answer = index.client.get(f"/diag/api/v1/{operation.format(encoded(name))}?{asked}")

    assert answer.status_code in {200, 304, 400, 404}, answer.text[:500]
    assert answer.is_json or "json" in answer.content_type
    json.loads(answer.text)


@effort(80)
@given(
    st.sampled_from(["packages/{}", "find?q={}", "runbooks/{}", "?lang={}", "audit?severity={}", "{}"]),
    names,
    st.text(max_size=20),
)
def test_the_pages_answer_whatever_is_asked(index: Index, path: str, name: str, language: str) -> None:
    answer = index.client.get(
        f"/diag/{path.format(encoded(name))}",
        headers={
            "Accept-Language": language.encode("ascii", "replace")
            .decode()
            .replace("\n", " ")
            .replace("\r", " ")
        },
        buffered=True,
    )

    assert answer.status_code in {200, 303, 308, 400, 404}, answer.text[:500]


arguments = st.lists(st.sampled_from(OPTIONS) | names.map(lambda text: text.replace("\0", "")), max_size=5)


@effort(60)
@given(st.sampled_from(COMMANDS), arguments)
def test_no_command_ends_in_a_traceback(
    index: Index, tmp_path_factory: pytest.TempPathFactory, command: str, options: list[str]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.getbasetemp())

        ended = index.run(command, *options)

    assert ended.exception is None or isinstance(ended.exception, SystemExit), (
        command,
        options,
        ended.exception,
    )
    assert ended.exit_code in {0, 1, 2, 3, 4}
