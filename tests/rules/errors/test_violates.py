"""`Classification.violates`: models, constraints, columns and names, on every database."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from diag_rules.errors import Category, Classification, Kind, classify


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("first", "last", name="users_full_name"),
        CheckConstraint("age > 0", name="users_age_positive"),
        Index("users_nick", "nick", unique=True),
    )
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    mail: Mapped[str] = mapped_column("email", String(80), unique=True)
    first: Mapped[str | None] = mapped_column(String(80))
    last: Mapped[str | None] = mapped_column(String(80))
    nick: Mapped[str | None] = mapped_column(String(80))
    age: Mapped[int | None]


class Badge(Base):
    __tablename__ = "badges"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    giver_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", name="badges_giver_fk"))


USER, BADGE = User.__table__, Badge.__table__
INSERT = "INSERT INTO users (id, email, first, last, nick, age) VALUES "


def _constraint(name: str) -> Any:
    return next(each for each in USER.constraints if each.name == name)  # type: ignore[attr-defined] # a Table


def _answer(database: Any, *statements: str) -> Classification:
    engine = database.engine()
    Base.metadata.create_all(engine)
    with pytest.raises(Exception) as raised, engine.connect() as connection:  # noqa: PT011, PT012 - the last of the statements raises
        for statement in statements:
            connection.execute(text(statement))
    return classify(raised.value)


def test_a_unique_column_is_recognised_by_its_attribute_on_every_database(database: Any) -> None:
    answer = _answer(database, INSERT + "(1, 'a', '', '', 'x', 1)", INSERT + "(2, 'a', 'b', 'b', 'y', 1)")

    assert answer.violates(User.mail)
    assert answer.violates(USER.c.email)
    assert answer.violates({"email"})
    assert answer.violates([User.mail])
    assert not answer.violates(User.nick)
    assert not answer.violates(Badge.user_id)
    assert not answer.violates(_constraint("users_full_name"))


def test_a_composite_constraint_is_recognised_by_name_object_and_columns(database: Any) -> None:
    answer = _answer(database, INSERT + "(1, 'a', 'f', 'l', 'x', 1)", INSERT + "(2, 'b', 'f', 'l', 'y', 1)")

    assert answer.violates("users_full_name", Base)
    assert answer.violates("users_full_name", [User])
    assert answer.violates(_constraint("users_full_name"))
    assert answer.violates((User.first, User.last))
    assert answer.violates(User.first)
    assert not answer.violates({User.first})
    assert not answer.violates("users_nick", Base)


def test_a_unique_index_and_a_primary_key_are_recognised(database: Any) -> None:
    nick = _answer(database, INSERT + "(1, 'a', 'f', 'l', 'x', 1)", INSERT + "(2, 'b', 'g', 'l', 'x', 1)")
    key = _answer(database, INSERT + "(1, 'a', 'f', 'l', 'x', 1)", INSERT + "(1, 'b', 'g', 'l', 'y', 1)")

    assert nick.violates(User.nick)
    assert nick.violates(next(iter(USER.indexes)))  # type: ignore[attr-defined] # a Table
    assert key.violates(User.id)
    assert key.violates(USER.primary_key)
    assert not key.violates(Badge.id) or key.table is None  # MySQL's PRIMARY does not say of which table


def test_a_check_is_recognised_by_its_name(database: Any) -> None:
    answer = _answer(database, INSERT + "(1, 'a', 'f', 'l', 'x', -1)")

    assert answer.violates("users_age_positive")
    assert answer.violates(_constraint("users_age_positive"))
    assert not answer.violates("users_full_name")


def test_a_missing_value_is_recognised_by_its_column(database: Any) -> None:
    answer = _answer(database, INSERT + "(1, NULL, 'f', 'l', 'x', 1)")

    assert answer.violates(User.mail)
    assert answer.violates("users.email") or database.dialect == "mysql"
    assert not answer.violates(User.nick)


@pytest.mark.only("postgresql", "postgresql15", "mariadb")
def test_a_foreign_key_is_recognised_with_and_without_a_name_in_the_model(database: Any) -> None:
    unnamed = _answer(database, "INSERT INTO badges (id, user_id) VALUES (1, 99)")
    named = _answer(
        database,
        INSERT + "(1, 'a', 'f', 'l', 'x', 1)",
        "INSERT INTO badges (id, user_id, giver_id) VALUES (1, 1, 99)",
    )

    assert unnamed.violates(Badge.user_id)
    assert unnamed.violates(next(iter(BADGE.c.user_id.foreign_keys)))
    assert not unnamed.violates(Badge.giver_id)
    assert named.violates(Badge.giver_id)
    assert named.violates("badges_giver_fk")
    assert not named.violates(Badge.user_id)


@pytest.mark.only("sqlite")
def test_a_foreign_key_that_sqlite_does_not_name_is_never_recognised(database: Any) -> None:
    answer = _answer(database, "INSERT INTO badges (id, user_id) VALUES (1, 99)")

    assert answer.kind is Kind.FOREIGN_KEY_VIOLATION
    assert not answer.violates(Badge.user_id)


def test_an_outage_violates_nothing() -> None:
    answer = Classification(category=Category.OUTAGE, kind=Kind.CONNECTION_FAILURE)

    assert not answer.violates(User.mail)
    assert not answer.violates("users_email_key", Base)


def test_a_target_that_is_no_constraint_is_refused() -> None:
    answer = Classification(category=Category.BUSINESS_RULE, kind=Kind.UNIQUE_VIOLATION, constraint="k")

    with pytest.raises(TypeError, match=r"no constraint and no column"):
        answer.violates(42)
    with pytest.raises(TypeError, match=r"declarative base"):
        answer.violates("other", models=42)
