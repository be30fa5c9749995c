"""Concrete inheritance: each class has a table of its own, and a relationship to their base leads to all of them.

Source: SQLAlchemy 2.0.58 and 2.1.9, ``ext/declarative/extensions.py`` (ConcreteBase, AbstractConcreteBase).
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapper

from ._orm import Relation
from ._probe import Unsure


def family(mapper: Mapper[Any]) -> Mapper[Any]:
    """The mapper below which a key names one object: rows of concrete classes may have the same keys."""
    while mapper.inherits is not None and not mapper.concrete:
        mapper = mapper.inherits
    return mapper


def told_by_row(mapper: Mapper[Any]) -> bool:
    """True where a column of the mapper's own tables tells the class; a union has a column that its tables lack."""
    column = mapper.polymorphic_on
    if column is None:
        return False
    concrete = any(each.concrete for each in mapper.base_mapper.self_and_descendants)
    return not concrete or getattr(column, "table", None) in mapper.tables


def own_column(item: Relation, mapper: Mapper[Any], column: sa.Column[Any]) -> sa.Column[Any]:
    """The column in *mapper*'s own table for one that the relationship names. Raises Unsure where there is none."""
    if not item.concrete:
        return column
    name = item.target.get_property_by_column(column).key
    found: Any = mapper.attrs.get(name)
    own = getattr(found, "columns", [None])[0]
    if not isinstance(own, sa.Column) or not isinstance(own.table, sa.Table):
        raise Unsure(f"{item.name} leads to {mapper.class_.__name__}, which has no column {name} of its own")
    return own


def written_columns(
    item: Relation, mapper: Mapper[Any], column: sa.Column[Any]
) -> tuple[sa.Column[Any], ...]:
    """Every column that an UPDATE of the attribute writes: tables of one hierarchy share those of one name.

    Raises Unsure where there is none.
    """
    own = own_column(item, mapper, column)
    if item.post_update or own not in mapper.columns.values():
        return (own,)  # an UPDATE of post_update names its columns
    found = mapper.get_property_by_column(own).columns
    return tuple(each for each in found if isinstance(each, sa.Column))


def joined(item: Relation, above: Any, below: Any, target: Mapper[Any]) -> sa.ColumnElement[bool]:
    """The condition that joins a parent to one of the concrete classes. Raises Unsure for more than equal columns."""
    pairs = item.prop.synchronize_pairs
    join = item.prop.primaryjoin
    plain = sa.and_(*(left == right for left, right in pairs))
    turned = sa.and_(*(right == left for left, right in pairs))
    if item.direction != "one_to_many" or not (join.compare(plain) or join.compare(turned)):
        raise Unsure(f"{item.name} leads to the tables of concrete classes by more than equal columns")
    terms: list[sa.ColumnElement[bool]] = []
    for left, right in pairs:
        up = item.parent.get_property_by_column(_column(item, left)).key
        down = target.get_property_by_column(own_column(item, target, _column(item, right))).key
        terms.append(getattr(above, up) == getattr(below, down))
    return sa.and_(*terms)


def _column(item: Relation, column: Any) -> sa.Column[Any]:
    if not isinstance(column, sa.Column):
        raise Unsure(f"{item.name} joins by {column}, which is no column")
    return column
