"""Joined inheritance in the audit: one hierarchy is one matter."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase

from diag_rules.deletion import DeletionRules


def test_a_hierarchy_of_several_classes_is_told_once() -> None:
    class Own(DeclarativeBase):
        pass

    def joined(name: str, base: type, above: str) -> type:
        key: sa.Column[Any] = sa.Column(ForeignKey(f"{above}.id"), primary_key=True)
        body: dict[str, Any] = {"__tablename__": name, "id": key}
        body["__mapper_args__"] = {"polymorphic_identity": name}
        return type(name.title(), (base,), body)

    publisher: Any = type(
        "Publisher",
        (Own,),
        {
            "__tablename__": "publisher",
            "id": sa.Column(sa.Integer, primary_key=True),
            "kind": sa.Column(sa.String(9)),
            "__mapper_args__": {"polymorphic_on": "kind", "polymorphic_identity": "publisher"},
        },
    )
    github = joined("github", publisher, "publisher")
    kept = [github, joined("gitlab", publisher, "publisher"), joined("actions", github, "github")]

    findings = [each for each in DeletionRules(publisher).audit() if each.code == "DEL017"]

    assert len(kept) == 3
    assert len(findings) == 1
