"""Random mappings over a random schema: relationships of every configuration, hierarchies, links, versions."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapper, configure_mappers, foreign, registry, relationship, remote

from rules.deletion._graphs import Graph, Key

CASCADES = ("save-update, merge", "save-update, merge", "all", "all, delete-orphan")
LAZY = (*["select"] * 8, "selectin", "joined", "raise", "dynamic", "write_only", "immediate")


@dataclass(frozen=True)
class _Mapped:
    """What the parts of a mapping share.

    Attributes:
        links: tables that are no class, only the secondary of a relationship.
        properties: the relationships by class.
    """

    found: Graph
    rng: random.Random
    tables: Mapping[str, sa.Table]
    classes: dict[str, type] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)
    properties: dict[str, dict[str, Any]] = field(default_factory=dict)


def mapping(found: Graph, rng: random.Random) -> Mapping[str, type]:
    """Classes over the tables, with random relationships; a table that only links others has none."""
    metadata = sa.MetaData()
    mapped = _Mapped(found, rng, {table: _table(found, metadata, table, rng) for table in found.tables})
    mapped.links.extend(table for table in found.tables if _links(mapped, table))
    for table in found.tables:
        if table not in mapped.links:
            above = mapped.classes.get(str(found.shapes[table].base), object)
            mapped.classes[table] = type(table.upper(), (above,), {})
            mapped.properties[table] = {}
    for key in found.keys:
        _relate(mapped, key)
    for table in mapped.links:
        _join(mapped, table)
    _map(mapped)
    configure_mappers()
    return mapped.classes


def _table(found: Graph, metadata: sa.MetaData, table: str, rng: random.Random) -> sa.Table:
    """The table as an application declares it: without actions, a composite key sometimes by one column only."""
    own = [key for key in found.keys_of(table) if key.column != "id"]
    columns = [sa.Column(key.column, _type(key), nullable=not key.not_null) for key in own]
    columns += [sa.Column(key.tenant, sa.Integer) for key in own if key.tenant not in (None, "t")]
    keys = [key for key in found.keys_of(table) if rng.random() < 0.7 or key.column == "id"]
    return sa.Table(
        table,
        metadata,
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("t", sa.Integer),
        sa.Column("u", sa.String),
        sa.Column("kind", sa.String),
        sa.Column("v", sa.Integer),
        *columns,
        *(
            sa.ForeignKeyConstraint(key.columns, [f"{key.parent}.{name}" for name in key.referred])
            for key in keys
        ),
    )


def _type(key: Key) -> type[sa.types.TypeEngine[Any]]:
    return sa.String if key.target == "u" else sa.Integer


def _links(mapped: _Mapped, table: str) -> bool:
    """True for a table that shall only link: nobody refers to it, and it refers to two."""
    found = mapped.found
    others = [key for key in found.keys_of(table) if key.parent != table and key.column != "id"]
    referred = any(key.parent == table for key in found.keys)
    if found.shapes[table].base is not None or referred:
        return False
    linked = any(key.parent in mapped.links for key in others)
    return len(others) > 1 and not linked and mapped.rng.random() < 0.5


# relationships


def _relate(mapped: _Mapped, key: Key) -> None:
    if key.column == "id" or key.child in mapped.links:
        return
    if mapped.rng.random() < 0.6:
        mapped.properties[key.parent][f"many_{key.column}"] = _collection(mapped, key)
    if mapped.rng.random() < 0.3:
        mapped.properties[key.child][f"one_{key.column}"] = _reference(mapped, key)


def _collection(mapped: _Mapped, key: Key) -> Any:
    rng, child = mapped.rng, mapped.tables[key.child]
    options: dict[str, Any] = {"cascade": rng.choice(CASCADES), "lazy": rng.choice(LAZY)}
    options["passive_deletes"] = rng.choice((False, False, True, "all"))
    if options["passive_deletes"] == "all" and "all" in options["cascade"]:
        options["passive_deletes"] = True
    if options["lazy"] not in ("dynamic", "write_only") and rng.random() < 0.1:
        options["uselist"] = False
    plain = options["lazy"] not in ("dynamic", "write_only") and options["passive_deletes"] != "all"
    if plain and rng.random() < 0.07:
        options["post_update"] = True
    if options["lazy"] in ("select", "selectin", "joined") and rng.random() < 0.07:
        options = {"viewonly": True, "lazy": options["lazy"]}
    columns = _columns(mapped, key)
    return relationship(
        mapped.classes[key.child],
        primaryjoin=sa.and_(*(up == foreign(here) for here, up in columns)),
        remote_side=[child.c[here.name] for here, _ in columns],
        **options,
        overlaps=None if options.get("viewonly") else "*",
    )


def _reference(mapped: _Mapped, key: Key) -> Any:
    rng = mapped.rng
    options: dict[str, Any] = {
        "cascade": rng.choice(("save-update, merge", "save-update, merge", "save-update, merge", "all")),
        "lazy": rng.choice(("select", "select", "select", "joined", "selectin", "raise")),
    }
    if rng.random() < 0.1:
        options["passive_deletes"] = True
    if rng.random() < 0.1:
        options["post_update"] = True
    columns = _columns(mapped, key)
    return relationship(
        mapped.classes[key.parent],
        primaryjoin=sa.and_(*(remote(up) == foreign(here) for here, up in columns)),
        overlaps="*",
        **options,
    )


def _columns(mapped: _Mapped, key: Key) -> list[tuple[sa.Column[Any], sa.Column[Any]]]:
    """The pairs that join: all of a composite key, or its one column alone."""
    child, parent = mapped.tables[key.child], mapped.tables[key.parent]
    pairs = list(zip(key.columns, key.referred, strict=True))
    if len(pairs) > 1 and mapped.rng.random() < 0.5:
        pairs = pairs[1:]
    return [(child.c[here], parent.c[up]) for here, up in pairs]


def _join(mapped: _Mapped, table: str) -> None:
    """A many-to-many relationship over a link table, from one side or from both."""
    rng, link = mapped.rng, mapped.tables[table]
    keys = [key for key in mapped.found.keys_of(table) if key.parent != table and key.column != "id"]
    one, two = keys[:2]
    options: dict[str, Any] = {"cascade": rng.choice(CASCADES[:3]), "lazy": rng.choice(LAZY[:11])}
    options["passive_deletes"] = rng.choice((False, False, True))
    options["backref"] = rng.choice((None, f"back_{table}"))
    mapped.properties[one.parent][f"via_{table}"] = relationship(
        mapped.classes[two.parent],
        secondary=link,
        primaryjoin=mapped.tables[one.parent].c[one.target] == link.c[one.column],
        secondaryjoin=mapped.tables[two.parent].c[two.target] == link.c[two.column],
        overlaps="*",
        **options,
    )


# classes


def _map(mapped: _Mapped) -> None:
    made = registry()
    for table, cls in mapped.classes.items():
        shape = mapped.found.shapes[table]
        below = [each for each, other in mapped.found.shapes.items() if other.base == table]
        options: dict[str, Any] = {}
        if shape.base is not None:
            condition = mapped.tables[table].c.id == mapped.tables[shape.base].c.id
            above = mapped.classes[shape.base]
            options = {"inherits": above, "inherit_condition": condition, "polymorphic_identity": table}
        elif shape.kinds or below:
            options = {"polymorphic_on": mapped.tables[table].c.kind, "polymorphic_identity": table}
        if not options and not below and mapped.rng.random() < 0.1:
            options = {"version_id_col": mapped.tables[table].c.v}
        own, sub = _shared(mapped, table)
        made.map_imperatively(cls, mapped.tables[table], properties=own, **options)
        if shape.kinds:
            single = type(f"{table.upper()}X", (cls,), {})
            made.map_imperatively(single, inherits=cls, polymorphic_identity=f"{table}x", properties=sub)


def _shared(mapped: _Mapped, table: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The relationships of a class, and those that only its single-table subclass has."""
    every = mapped.properties[table]
    if not mapped.found.shapes[table].kinds:
        return every, {}
    chosen = {name for name in every if mapped.rng.random() < 0.3}
    return (
        {name: prop for name, prop in every.items() if name not in chosen},
        {name: prop for name, prop in every.items() if name in chosen},
    )


def subjects(found: Graph, classes: Mapping[str, type]) -> Iterator[tuple[str, type, list[int]]]:
    """Every class with its table and the keys of its objects, those of its subclasses included."""
    for table, cls in classes.items():
        mapper: Mapper[Any] = sa.inspect(cls)
        for each in mapper.self_and_descendants:
            if each.local_table is not mapper.local_table:
                continue
            kinds = {item.polymorphic_identity for item in each.self_and_descendants}
            rows = found.rows[table]
            told = each.polymorphic_on is not None and (each is not mapper or each.inherits is not None)
            yield table, each.class_, [row["id"] for row in rows if not told or row["kind"] in kinds]
