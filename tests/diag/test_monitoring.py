"""``flask diag alerts``, ``flask diag dashboard``, and the runbooks that the alerts lead to."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
import yaml
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine

from diag_exporters.alerts import alertmanager, rules, runbooks
from diag_exporters.dashboards import dashboard
from flask_diag import Diagnostics
from flask_diag._cli import diag_group
from flask_diag._markdown import as_html, links

NOWHERE = "postgresql+psycopg://nobody@127.0.0.1:1/none"  # the runbooks must not need it


def make_app(*, authorize: bool = True, **config: Any) -> Flask:
    app = Flask("shop")
    app.config.update(config)
    Diagnostics(app, create_engine(NOWHERE), authorize=lambda _: authorize)
    return app


def run(app: Flask, *arguments: str) -> tuple[int, str]:
    done = app.test_cli_runner().invoke(args=["diag", *arguments])
    return done.exit_code, done.output


def links_of(app: Flask) -> set[str]:
    made = yaml.safe_load(run(app, "alerts")[1])
    urls = (
        rule["annotations"]["runbook_url"]
        for group in made["groups"]
        for rule in group["rules"]
        if "alert" in rule
    )
    return {url.rpartition("/")[0] for url in urls}


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    return make_app().test_client()


# the commands


def test_the_rules_are_printed_as_they_ship() -> None:
    assert run(make_app(), "alerts") == (0, rules())


def test_the_example_for_alertmanager_is_printed_as_it_ships() -> None:
    assert run(make_app(), "alerts", "--alertmanager") == (0, alertmanager())


def test_the_dashboard_of_the_sres_is_printed_unless_another_is_asked_for() -> None:
    assert run(make_app(), "dashboard") == (0, dashboard("sre"))
    assert run(make_app(), "dashboard", "deletions") == (0, dashboard("deletions"))


def test_options_reach_the_rules_and_the_dashboards() -> None:
    app = make_app()

    _, told = run(app, "alerts", "--selector", 'job="shop"', "--objective", "99.5", "--min-failures", "3")
    _, shown = run(app, "dashboard", "--by", "service", "--selector", 'job="shop"')

    assert 'diag:requests_failed:ratio_rate1h{job="shop"} > 0.072' in told
    assert 'increase1h{job="shop"} >= 3' in told
    assert [one["name"] for one in json.loads(shown)["templating"]["list"]] == [
        "datasource",
        "service",
        "instance",
    ]


def test_a_file_is_written_and_named(tmp_path: Path) -> None:
    file = tmp_path / "rules.yml"

    assert run(make_app(), "alerts", "--output", str(file)) == (0, f"Wrote {file}.\n")
    assert file.read_text("utf-8") == rules()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["alerts", "--objective", "100"], "give a percentage"),
        (["alerts", "--selector", "job"], "no list of label matchers"),
        (["dashboard", "--objective", "0"], "give a percentage"),
        (["dashboard", "ops"], "'ops' is not one of 'sre', 'deletions'"),
        (["alerts", "--output", "/no/such/folder/rules.yml"], "No such file"),
    ],
)
def test_wrong_usage_ends_with_2_and_the_way_out(arguments: list[str], said: str) -> None:
    code, output = run(make_app(), *arguments)

    assert (code, said in output) == (2, True)


def test_links_lead_to_where_the_application_says_that_it_is() -> None:
    app = make_app(SERVER_NAME="shop.example", PREFERRED_URL_SCHEME="https", DIAG_URL_PREFIX="/ops/diag")

    assert links_of(app) == {"https://shop.example/ops/diag/runbooks"}


def test_links_follow_the_prefix_where_the_application_does_not_say_where_it_is() -> None:
    assert all(link.endswith("{{ end }}/ops/runbooks") for link in links_of(make_app(DIAG_URL_PREFIX="/ops")))


def test_without_pages_somebody_else_has_to_keep_the_runbooks() -> None:
    app = make_app(DIAG_URL_PREFIX=None)

    refused = run(app, "alerts")
    kept = run(app, "alerts", "--runbook-url", "https://wiki.example/db")

    assert refused[0] == 2
    assert "give --runbook-url" in refused[1]
    assert kept[0] == 0


# the runbooks


@pytest.mark.parametrize("name", runbooks())
def test_every_link_of_a_runbook_leads_somewhere(name: str, client: FlaskClient) -> None:
    page = client.get(f"/diag/runbooks/{name}")

    assert page.status_code == 200
    assert f"<h1>{name}</h1>" in page.text
    for link in re.findall(r"<article.*</article>", page.text, flags=re.DOTALL)[0].split('href="')[1:]:
        address = urljoin(f"/diag/runbooks/{name}", link.partition('"')[0])
        if not address.startswith("https://"):
            assert client.get(address).status_code == 200, address


@pytest.mark.parametrize("name", runbooks())
def test_links_between_runbooks_name_files_that_exist(name: str) -> None:
    near = [link for link in links(runbooks()[name]) if link.endswith(".md")]

    assert {link.removesuffix(".md") for link in near} <= set(runbooks())


@pytest.mark.parametrize("name", runbooks())
def test_nothing_of_a_runbooks_markdown_is_left_as_it_was(name: str, client: FlaskClient) -> None:
    page = client.get(f"/diag/runbooks/{name}").text
    prose = re.sub(r"<pre.*?</pre>|<code>.*?</code>|<[^>]+>", "", page, flags=re.DOTALL)

    assert not re.search(r"\*\*|`|\]\(|^#|^- ", prose, flags=re.MULTILINE)


def test_the_list_names_every_runbook_and_who_is_woken(client: FlaskClient) -> None:
    page = client.get("/diag/runbooks/")

    assert all(f'href="/diag/runbooks/{name}"' in page.text for name in runbooks())
    assert page.text.count(">page</span>") == 4


def test_a_runbook_that_does_not_exist_shows_the_list(client: FlaskClient) -> None:
    page = client.get("/diag/runbooks/DiagNothing")

    assert page.status_code == 404
    assert "no runbook DiagNothing" in page.text
    assert "DiagDatabaseOutage" in page.text


def test_the_runbooks_are_as_closed_as_the_pages() -> None:
    assert make_app(authorize=False).test_client().get("/diag/runbooks/DiagContention").status_code == 403


def test_commands_in_runbooks_exist() -> None:
    told = {word for text in runbooks().values() for word in re.findall(r"flask diag ([a-z]+)", text)}

    assert told <= set(diag_group.commands)


# the Markdown


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("# A `b`", "<h1>A <code>b</code></h1>"),
        ("one\ntwo\n\nthree", "<p>one two</p>\n<p>three</p>"),
        ("- a\n  b\n- **c**", "<ul><li>a b</li><li><strong>c</strong></li></ul>"),
        ("1. a\n2. b", "<ol><li>a</li><li>b</li></ol>"),
        ("```\n<x> & `y`\n\nz\n```", '<pre tabindex="0"><code>&lt;x&gt; &amp; `y`\n\nz</code></pre>'),
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
        (
            "[a](B.md) [c](https://d.example/e?f=1&g=2)",
            '<p><a href="B">a</a> <a href="https://d.example/e?f=1&amp;g=2">c</a></p>',
        ),
        ("[a](javascript:alert) [b](http://c)", "<p>a b</p>"),
    ],
)
def test_markdown_becomes_html_and_nothing_gets_through(text: str, html: str) -> None:
    assert as_html(text) == html
