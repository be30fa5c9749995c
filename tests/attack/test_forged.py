"""What a client says of itself is taken for no more than that: reference numbers, languages, methods, hosts, forms, packs."""

from __future__ import annotations

import base64
import hmac
import logging
import re
import unicodedata
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from attack._index import Index, Package, fill, make_index
from attack._names import ENGLISH
from attack.test_denial import seconds
from diag._shop import fill as fill_shop
from diag._shop import make_shop
from diag_rules.deletion import DeletionPolicy, PolicyError
from flask_diag._cli_scan_text import unformulated
from flask_diag._tokens import bearer, new_token

if TYPE_CHECKING:
    from conftest import Database

pytestmark = pytest.mark.only("sqlite")
DELETABLE = {
    "subject": {"delete": True},
    "relation": [{"of": "Project.invitations", "name": "invitation", "remedy": "delete", "automatic": True}],
}


@pytest.fixture
def index(database: Database) -> Index:
    """The index with one package."""
    engine = database.engine()
    fill(engine, [ENGLISH])
    return make_index(engine, DIAG_SEARCH_LIMIT=None, DIAG_CHECK_TIMEOUT=20.0, SECRET_KEY="s")


REFERENCES = {
    "a second header": "abcd\r\nSet-Cookie: stolen=1",
    "a line": "abcd\n2026-11-23 ERROR outage app=index",
    "a field": 'abcd" category="outage',
    "a tag": "<script>alert(1)</script>",
    "a formula": "=SUM(1)",
    "a query": "abcd&who=admin",
    "half a character": "abcd\udcff",
    "a label": 'x"} 1\ndiag_outage_active 1\n#',
    "far too long": "a" * 100_000,
    "nothing": "",
    "a blank": "abcd efgh",
    "the end of a line": "abcdefgh\n",
    "other digits": "\u0661\u0662\u0663\u0664",
}


@pytest.mark.parametrize("given", REFERENCES.values(), ids=REFERENCES.keys())
def test_a_reference_that_a_client_made_up_is_not_repeated(
    index: Index, caplog: pytest.LogCaptureFixture, given: str
) -> None:
    """Not in the answer, the log, the trail, the metrics or the incident; the request gets one of ours."""
    said = {"HTTP_X_REQUEST_ID": given, "HTTP_TRACEPARENT": f"00-{given}-{given}-01"}

    with caplog.at_level(logging.INFO):
        answer = index.client.post("/delete", data={"name": ENGLISH}, environ_overrides=said)
        index.client.get(f"/diag/packages/{ENGLISH}", environ_overrides=said)

    (met,) = index.met
    ours = answer.headers.getlist("X-Request-ID")
    assert ours == [met.request_id] == [answer.get_json()["reference"]]
    assert (len(ours[0]), met.trace_id) == (16, None)
    assert "Set-Cookie" not in answer.headers
    assert given not in {met.request_id, ""} or given == ""
    logged = [record.getMessage() for record in caplog.records if record.name.startswith("flask_diag")]
    assert len(logged) >= 2
    assert [text for text in logged if not text.isprintable() or (given and given in text)] == []


def test_methods_hosts_paths_and_agents_make_no_series(index: Index) -> None:
    """However many a stranger makes up, the scrape has as many lines as before."""
    index.client.post("/delete", data={"name": ENGLISH})
    index.client.open("/nowhere", method="BREW")
    before = len(index.scrape.splitlines())

    for number in range(200):
        index.client.open(
            f"/made-up-{number}?x={number}",
            method=f"BREW{number}",
            headers={
                "Host": f"h{number}.example",
                "User-Agent": f"agent {number}",
                "X-Request-ID": f"request-{number}",
            },
        )
        index.client.post(
            "/delete",
            data={"name": ENGLISH},
            headers={"Host": f"h{number}.example", "X-Forwarded-Host": f"f{number}"},
        )

    assert len(index.met) == 201
    assert len(index.scrape.splitlines()) == before


HEADERS = {
    "Accept-Language": (
        "en;q=0.5,",
        "zh-" + "x" * 50 + ",",
        ",",
        ";q=",
        "a-",
        "*,",
        "zh;q=1e9,",
        "en;q=\u0661,",
    ),
    "Accept": ("text/html;q=0.5,", "a/b;", "text/*,", ",", "=;", '";', "*/*;q=nan,"),
    "Cookie": ("diag_language=zh; ", "a=b; ", "=; ", ";", '"', "diag_csrf=x; "),
    "Authorization": ("Bearer ", "Basic ", "Digest a=b,", "=", ","),
    "If-None-Match": ('"a",', "W/", "*,"),
}


@pytest.mark.parametrize(
    ("header", "pump"), [(name, pump) for name, pumps in HEADERS.items() for pump in pumps]
)
def test_no_header_of_100_kilobytes_is_slow_to_read(index: Index, header: str, pump: str) -> None:
    """Servers take less (gunicorn 8 KiB), but that is theirs to say."""
    said = {
        f"HTTP_{header.upper().replace('-', '_')}": (pump * (100_000 // len(pump))).encode().decode("latin-1")
    }
    client = index.client
    client.get("/diag/")  # loads what is loaded once
    answers = set()

    def ask() -> None:
        answers.add(
            ("delete", client.post("/delete", data={"name": ENGLISH}, environ_overrides=said).status_code)
        )
        answers.add(("overview", client.get("/diag/", environ_overrides=said).status_code))
        answers.add(("api", client.get("/diag/api/v1/packages", environ_overrides=said).status_code))

    assert seconds(ask) < 3
    assert answers == {("delete", 409), ("overview", 200), ("api", 200)}


CURSORS = ("[" * 4_000, "[" * 2_000 + "]" * 2_000, '{"a":' * 800, "-" * 4_000, "1" * 4_400)


@pytest.mark.parametrize("written", CURSORS, ids=["open", "nested", "objects", "signs", "digits"])
def test_a_cursor_that_nests_without_end_is_refused(index: Index, written: str) -> None:
    cursor = base64.urlsafe_b64encode(written.encode()).decode().rstrip("=")

    answer = index.client.get("/diag/api/v1/packages", query_string={"after": cursor})

    assert answer.status_code in {400, 404}, answer.text[:300]


def confusable(name: str) -> list[str]:
    """Return texts that a person takes for *name*."""
    return [
        name.replace("a", "\u0430"),  # Cyrillic
        name.replace("e", "\u0435"),
        name.translate({ord(letter): ord(letter) + 0xFEE0 for letter in name}),  # wide
        f"{name}\u200b",
        f"\u2060{name}",
        f"\u202e{name[::-1]}",
        name.upper(),
        name.replace("l", "I"),
        name.replace("l", "1"),
        f"{name}\0",
        "".join(f"{letter}\u0301" for letter in name),
    ]


def test_only_the_very_name_confirms_a_deletion(database: Database) -> None:
    """One that looks the same, or that a normalization makes the same, is another's."""
    engine = database.engine()
    fill(engine, [ENGLISH, "caf\u00e9"])
    policy = {
        "subject": {"delete": True},
        "relation": [{"table": "files", "name": "file", "remedy": "delete", "automatic": True}],
    }
    index = make_index(engine, policy, DIAG_SEARCH_LIMIT=None, DIAG_CHECK_TIMEOUT=20.0, SECRET_KEY="s")
    wrong = {ENGLISH: confusable(ENGLISH), "caf\u00e9": [unicodedata.normalize("NFD", "caf\u00e9"), "cafe"]}

    for name, texts in wrong.items():
        client = index.client
        offered = hidden(client.get(f"/diag/packages/{name}").text, "Try the safe delete")
        form = hidden(client.post(f"/diag/act/{name}", data=offered).text, "Delete it for good")
        for text in texts:
            answer = client.post(f"/diag/act/{name}", data={**form, "name": text})
            assert answer.status_code == 422, ascii(text)
        with Session(engine) as session:
            assert session.scalars(select(Package.name).where(Package.name == name)).all() == [name]
        assert client.post(f"/diag/act/{name}", data={**form, "name": name}).status_code == 200
        with Session(engine) as session:
            assert session.get(Package, name) is None


def hidden(page: str, button: str) -> dict[str, str]:
    """Return the hidden fields of the form with *button*."""
    form = next(one for one in re.findall(r"<form.*?</form>", page, re.DOTALL) if button in one)
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))


ACTORS = ("half \ud800", "nul \0", "\u202eanna", "a" * 10_000, "anna\n2026-11-23 ERROR", "", 7, ("anna", 1))


class _Nameless:
    def __str__(self) -> str:
        raise ValueError("no name")


@pytest.mark.parametrize(
    "name", [*ACTORS, _Nameless()], ids=lambda name: ascii(name)[:20] if name in ACTORS else "none"
)
def test_whatever_the_application_calls_a_visitor_they_may_act_and_nobody_else_by_their_form(
    database: Database, caplog: pytest.LogCaptureFixture, name: Any
) -> None:
    """The name of an account may be anything, too; what holds it is a line of the trail, and a form's signature."""
    engine = database.engine()
    fill_shop(engine)
    here = [name]
    shop = make_shop(engine, policy=DELETABLE, actor=lambda: here[0], config={"SECRET_KEY": "s"})
    client = shop.client
    form = hidden(client.get("/diag/projects/sampleproject").text, "Try the safe delete")

    with caplog.at_level(logging.INFO):
        mine = client.post("/diag/act/1", data=form)
        here[0] = "somebody else"
        theirs = client.post("/diag/act/1", data=form)

    assert (mine.status_code, theirs.status_code) == (200, 403)
    trail = [record.getMessage() for record in caplog.records if record.name == "flask_diag.trail"]
    assert trail
    assert [line for line in trail if not line.isprintable() or len(line) > 600] == []


def test_every_token_is_compared_whole_whichever_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the time of an answer tells neither how much of a guess was right nor whose it was."""
    pairs = [new_token(f"t{number}", ["read"]) for number in range(5)]
    known = [token for _, token in pairs]
    compared: list[tuple[int, int]] = []

    def compare(one: str, other: str) -> bool:
        compared.append((len(one), len(other)))
        return hmac.compare_digest(one, other)

    monkeypatch.setattr("flask_diag._tokens.hmac", SimpleNamespace(compare_digest=compare))
    for shown in (pairs[0][0], pairs[4][0], pairs[0][0][:-1], "", "x" * 100_000):
        compared.clear()
        bearer(known, shown)
        assert compared == [(64, 64)] * 5, shown[:20]


LINKS = (
    "javascript:alert(1)",
    "JavaScript:alert(1)//{key}",
    " javascript:alert(1)",
    "java\tscript:alert(1)",
    "\x01javascript:alert(1)",
    "java\nscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "{key}:alert(1)",
    "blob:https://x.example/1",
    "file:///etc/passwd",
    "view-source:javascript:1",
    "https:alert(1)",
    "/projects/{key}\r\nSet-Cookie: x=1",
)


@pytest.mark.parametrize("link", LINKS, ids=ascii)
@pytest.mark.parametrize("place", ["subject", "relation", "rule"])
def test_no_link_of_a_pack_runs_anything(link: str, place: str) -> None:
    """It is in the answers of the application, too, whose pages may put it into a href."""
    packs: dict[str, dict[str, Any]] = {
        "subject": {"subject": {"link": link}},
        "relation": {"relation": [{"table": "files", "link": link}]},
        "rule": {"rule": [{"name": "hold", "hint": "wait", "when": "id == 1", "link": link}]},
    }

    with pytest.raises(PolicyError, match="link must lead to a page"):
        DeletionPolicy.load(packs[place])


@pytest.mark.parametrize(
    "link",
    [
        *(
            "/projects/{key}",
            "https://index.example/{key}?a=b:c#d:e",
            "HTTP://x.example/",
            "mailto:help@x.example",
        ),
        *("projects/{key}", "?at=12:30", "#a:b", "//docs.example/a:b", "/a:b", "./a:b"),
    ],
)
def test_links_to_pages_stay_as_they_were(link: str) -> None:
    assert DeletionPolicy.load({"subject": {"link": link}}).subject.link == link


PACKS = (
    "[" * 50_000,
    "a = " + "[" * 50_000,
    "a = " + "{ b = " * 20_000,
    "[" + "a." * 3_000 + "a]",
    "a" + ".a" * 3_000 + " = 1",
)


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack[:8])
def test_a_pack_that_nests_without_end_is_refused_and_not_a_crash(pack: str) -> None:
    with pytest.raises(PolicyError):
        DeletionPolicy.load(f"{pack}\n")


@pytest.mark.parametrize(
    "key", [1 << 20_000, _Nameless(), (1, 1 << 20_000)], ids=["digits", "object", "composite"]
)
def test_a_subject_without_a_text_loses_no_incident(database: Database, key: Any) -> None:
    """Python writes no number of more than 4,300 digits; a client may have sent one in hex."""
    engine = database.engine()
    fill_shop(engine)
    shop = make_shop(engine)

    @shop.app.get("/told")
    def told() -> str:
        shop.diag.subject(key)
        with engine.begin() as connection:
            connection.exec_driver_sql("SELECT 1 FROM nowhere")
        return "not reached"

    answer = shop.client.get("/told")

    assert (answer.status_code, len(shop.met)) == (500, 1)
    assert (shop.met[0].subject_key or "").startswith("<")


CELLS = {
    "\uff1d1+1": "'\uff1d1+1",
    "\uff0bcmd": "'\uff0bcmd",
    " =1+1": "' =1+1",
    "\u00a0@SUM(1)": "'\u00a0@SUM(1)",
    "\ufeff=1": "'\ufeff=1",
    "a;=1+1;b": "a;'=1+1;b",
    "a\t=1+1": "a\t'=1+1",
    "a\n@x": "a\n'@x",
    "7;-5": "7;'-5",
    "-5": "-5",
    "plain; text": "plain; text",
    "a=b": "a=b",
}


@pytest.mark.parametrize(("name", "written"), CELLS.items(), ids=map(ascii, CELLS))
def test_no_cell_of_a_file_is_a_formula_by_another_spelling_or_another_separator(
    name: str, written: str
) -> None:
    """Where a comma is the decimal point, spreadsheets cut lines at semicolons, quotes or not."""
    assert unformulated(name) == written
