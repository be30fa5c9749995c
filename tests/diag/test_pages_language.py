"""The pages speak English and Chinese: all of their words, with the same gaps to fill in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message

from diag._shop import Shop
from flask_diag._pages._catalogue import catalogue, files, wanted

GAP = re.compile(r"%\(\w+\)[sd]")
CATALOGUES = files()


def said(message: Message) -> list[str]:
    """Return every form of a translation."""
    return list(message.string) if isinstance(message.string, list | tuple) else [str(message.string)]


def forms(message: Message) -> list[str]:
    """Return every form of the original."""
    return list(message.id) if isinstance(message.id, list | tuple) else [str(message.id)]


def of(found: Catalog) -> dict[Any, Message]:
    """Return the messages of a catalogue by their originals."""
    return {tuple(forms(one)): one for one in found if one.id}


def test_there_are_catalogues() -> None:
    assert [file.stem for file in CATALOGUES] == ["zh"]
    assert len(of(wanted())) > 100


@pytest.mark.parametrize("file", CATALOGUES, ids=lambda file: file.stem)
def test_every_word_of_the_pages_is_translated(file: Path) -> None:
    have = of(catalogue(file))

    missing = [
        texts[0] for texts in of(wanted()) if texts not in have or not all(map(str.strip, said(have[texts])))
    ]

    assert missing == [], "make translations adds them; then translate them"


@pytest.mark.parametrize("file", CATALOGUES, ids=lambda file: file.stem)
def test_a_translation_fills_in_what_the_original_does(file: Path) -> None:
    wrong = [
        texts[0]
        for texts, one in of(catalogue(file)).items()
        if any(set(GAP.findall(form)) != set(GAP.findall(texts[-1])) for form in said(one) if form)
    ]

    assert wrong == []


@pytest.mark.only("sqlite")
def test_the_visitors_choice_of_a_language_stays(shop: Shop) -> None:
    visitor = shop.client
    first = visitor.get("/diag/projects/sampleproject", headers={"Accept-Language": "zh-CN, en;q=0.5"})
    chosen = visitor.get("/diag/projects/sampleproject?lang=en", headers={"Accept-Language": "zh"})
    later = visitor.get("/diag/projects/sampleproject", headers={"Accept-Language": "zh"})

    assert '<html lang="zh">' in first.text
    assert "sampleproject 暂时无法删除" in first.text
    assert '<html lang="en">' in chosen.text
    assert '<html lang="en">' in later.text
    assert later.headers["Content-Language"] == "en"


@pytest.mark.only("sqlite")
def test_a_language_that_we_do_not_speak_is_english(shop: Shop) -> None:
    page = shop.client.get("/diag/?lang=xx", headers={"Accept-Language": "fr"})

    assert '<html lang="en">' in page.text
    assert "diag_language" not in page.headers.get("Set-Cookie", "")
