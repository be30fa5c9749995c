"""``docs/reference/http-api.md``: the JSON API, from the OpenAPI document that it serves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from tempfile import TemporaryDirectory
from typing import Any

from flask import Flask
from prometheus_client import CollectorRegistry
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from flask_diag import Diagnostics

from ._markdown import page, table

HEAD = """
Under `DIAG_URL_PREFIX` + `/api/v1` (`/diag/api/v1`), for those who [may enter](../access-and-api.md). The application serves
the same as an OpenAPI 3.1 document: `/diag/api/v1/openapi.json`. Here the subject is a class `Project`, whose plural is in the addresses.
"""


class _Base(DeclarativeBase):
    """The base of the one model."""


class Project(_Base):
    """What an API needs to have operations on a subject."""

    __tablename__ = "projects"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


def http_api() -> str:
    """Return the page."""
    found = _document()
    operations = [(path, one["get"]) for path, one in found["paths"].items()]
    schemas = found["components"]["schemas"]
    return page(
        "HTTP API",
        HEAD,
        table(("GET", "says"), [(f"`{path}`", one["summary"]) for path, one in operations]),
        *(_operation(path, one) for path, one in operations),
        "## What the answers hold",
        *(_schema(name, schemas[name]) for name in sorted(schemas)),
    )


def _document() -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        app = Flask("shop", instance_path=folder)
        database = create_engine("sqlite://")
        Diagnostics(app, database, subject=Project, registry=CollectorRegistry(), authorize=lambda _: True)
        found: dict[str, Any] = json.loads(app.test_client().get("/diag/api/v1/openapi.json").get_data())
        database.dispose()
    return found


def _operation(path: str, one: dict[str, Any]) -> str:
    answers = one["responses"]
    shape = answers["200"]["content"]["application/json"]["schema"]
    parts = [f"## `GET {path}`", one["summary"]]
    if one["parameters"]:
        parts.append(table(("parameter", "in", "holds", "meaning"), map(_parameter, one["parameters"])))
    parts.append(f"Answers 200 with {_type(shape)}, or {', '.join(sorted(set(answers) - {'200'}))}.")
    return "\n\n".join(parts)


def _parameter(one: dict[str, Any]) -> tuple[str, str, str, str]:
    needed = " (must be given)" if one.get("required") else ""
    return f"`{one['name']}`", one["in"], _type(one["schema"]), one.get("description", "") + needed


def _schema(name: str, one: dict[str, Any]) -> str:
    head = f"### `{name}`"
    if "properties" not in one:
        return f"{head}\n\n{_type(one)}"
    rows = [(f"`{key}`", _type(kind), kind.get("description", "")) for key, kind in one["properties"].items()]
    return "\n\n".join(
        filter(None, (head, one.get("description", ""), table(("field", "holds", "meaning"), rows)))
    )


def _type(one: dict[str, Any]) -> str:
    """Return in words what a schema allows."""
    return ", ".join(_said(one)) or "anything"


def _said(one: dict[str, Any]) -> Iterator[str]:
    if "$ref" in one:
        name = one["$ref"].rpartition("/")[2]
        yield f"[`{name}`](#{name.lower()})"
    if "enum" in one:
        yield " or ".join(f"`{value}`" for value in one["enum"])
    elif "const" in one:
        yield f"`{one['const']}`"
    elif "type" in one:
        kinds = one["type"] if isinstance(one["type"], list) else [one["type"]]
        yield " or ".join(kinds) + (f" ({one['format']})" if "format" in one else "")
    if "items" in one:
        yield f"each {_type(one['items'])}"
    for alternatives in ("anyOf", "oneOf"):
        if alternatives in one:
            yield " or ".join(_type(each) for each in one[alternatives])
    if "minimum" in one and "maximum" in one:
        yield f"{one['minimum']} to {one['maximum']}"
    if one.get("default") not in (None, ""):
        yield f"by default `{one['default']}`"
