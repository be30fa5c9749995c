"""Schemas that are rare and real: what the database does there is what the check has to say."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from conftest import Database
from diag_rules.deletion import DeletionRefused, DeletionRules, How, Outcome, Verdict

PARENTS = ("CREATE TABLE p (id INT PRIMARY KEY)", "INSERT INTO p VALUES (1), (2)")


def made(database: Database, *statements: str) -> sa.Engine:
    """A database with the parents 1 and 2, and more."""
    engine = database.engine()
    with engine.begin() as connection:
        for statement in (*PARENTS, *statements):
            connection.exec_driver_sql(statement)
    return engine


def subject(table: str = "p") -> sa.Table:
    return sa.Table(table, sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True))


def checked(engine: sa.Engine) -> Verdict:
    with engine.connect() as connection:
        return DeletionRules(subject()).check(connection, 1, "sql")


def delete(engine: sa.Engine) -> None:
    """Delete parent 1 by plain SQL, and take it back."""
    with engine.connect() as connection:
        connection.exec_driver_sql("DELETE FROM p WHERE id = 1")


@pytest.mark.only("sqlite", "postgresql", "postgresql15")
def test_a_default_that_is_handed_on_to_a_third_table_is_no_blocker(database: Database) -> None:
    """The third table follows by ON UPDATE CASCADE to a key that the second has had only since this deletion."""
    engine = made(
        database,
        "CREATE TABLE c (p_id INT DEFAULT 2 UNIQUE REFERENCES p (id) ON DELETE SET DEFAULT)",
        "CREATE TABLE d (c_id INT REFERENCES c (p_id) ON UPDATE CASCADE)",
        "INSERT INTO c VALUES (1)",
        "INSERT INTO d VALUES (1)",
    )

    verdict = checked(engine)

    delete(engine)
    assert verdict.deletable
    assert {(effect.table, effect.count) for effect in verdict.detached} == {("c", 1), ("d", 1)}


def test_a_composite_reference_is_told_alike_whether_it_is_counted_or_played(database: Database) -> None:
    """By its columns as they stand in the table, not by the alphabet."""
    engine = made(
        database,
        "CREATE TABLE q (t INT, id INT, PRIMARY KEY (t, id))",
        "CREATE TABLE c (t INT, p INT, FOREIGN KEY (t, p) REFERENCES q (t, id) ON DELETE SET NULL)",
        "INSERT INTO q VALUES (1, 1)",
        "INSERT INTO c VALUES (1, 1)",
    )
    table = sa.Table(
        "q",
        sa.MetaData(),
        sa.Column("t", sa.Integer, primary_key=True),
        sa.Column("id", sa.Integer, primary_key=True),
    )
    rules = DeletionRules(table)

    with engine.connect() as connection:
        counted = rules.check(connection, (1, 1), "sql")
        played, _ = rules.play(connection, (1, 1), How.SQL)

    assert counted.detached == played.detached
    assert counted.detached[0].columns == ("t", "p")


@pytest.mark.only("sqlite")
@pytest.mark.parametrize(
    "column",
    [
        "n INT REFERENCES p (id) ON DELETE CASCADE, m INT REFERENCES nowhere (id)",
        "n INT REFERENCES p (id) ON DELETE SET NULL REFERENCES nowhere (id)",
        "n INT DEFAULT 2 REFERENCES p (id) ON DELETE SET DEFAULT REFERENCES nowhere (id)",
    ],
)
def test_a_parent_table_that_does_not_exist_fails_what_meets_it(database: Database, column: str) -> None:
    """Even where no row refers to anything: SQLite fails when it prepares the DELETE."""
    engine = made(database, f"CREATE TABLE c ({column})")

    verdict = checked(engine)

    with pytest.raises(sa.exc.OperationalError, match="nowhere"):
        delete(engine)
    assert verdict.outcome is Outcome.BLOCKED
    assert (
        verdict.blockers[0].advice
        == "mend the schema: c refers to nowhere, and there is no table of that name"
    )


@pytest.mark.only("sqlite")
def test_a_parent_table_that_does_not_exist_is_harmless_where_no_statement_meets_it(
    database: Database,
) -> None:
    """SET NULL of another column looks at neither."""
    column = "n INT REFERENCES p (id) ON DELETE SET NULL, m INT REFERENCES nowhere (id)"
    engine = made(database, f"CREATE TABLE c ({column})")

    verdict = checked(engine)

    delete(engine)
    assert verdict.deletable


@pytest.mark.only("postgresql15")
def test_an_exclusion_constraint_over_an_expression_is_in_doubt(database: Database) -> None:
    """Its operators are not ours to evaluate, so nulling a column that it reads is not called deletable."""
    engine = made(
        database,
        "CREATE TABLE c (p_id INT REFERENCES p (id) ON DELETE SET NULL, "
        "EXCLUDE ((coalesce(p_id, 0)) WITH =))",
        "INSERT INTO c VALUES (1), (NULL)",
    )

    verdict = checked(engine)

    with pytest.raises(sa.exc.IntegrityError, match="exclusion"):
        delete(engine)
    assert verdict.outcome is Outcome.UNCERTAIN


@pytest.mark.only("postgresql", "postgresql15")
def test_a_null_meets_nothing_in_an_exclusion_constraint(database: Database) -> None:
    engine = made(
        database,
        "CREATE TABLE c (p_id INT REFERENCES p (id) ON DELETE SET NULL, EXCLUDE (p_id WITH =))",
        "INSERT INTO c VALUES (1), (NULL)",
    )

    verdict = checked(engine)

    delete(engine)
    assert verdict.deletable


@pytest.mark.only("postgresql")
def test_a_check_that_is_not_enforced_blocks_nothing(database: Database) -> None:
    """PostgreSQL 18 knows NOT ENFORCED."""
    engine = made(
        database,
        "CREATE TABLE c (p_id INT REFERENCES p (id) ON DELETE SET NULL, "
        "CHECK (p_id IS NOT NULL) NOT ENFORCED)",
        "INSERT INTO c VALUES (1)",
    )

    verdict = checked(engine)

    delete(engine)
    assert verdict.deletable


@pytest.mark.only("postgresql", "postgresql15")
def test_a_key_of_an_enum_is_played_with_in_its_own_type(database: Database) -> None:
    """A string bound as VARCHAR compares with no enum; the self-reference makes the check play."""
    engine = made(
        database,
        "CREATE TYPE colour AS ENUM ('red', 'green')",
        "CREATE TABLE e (id colour PRIMARY KEY, up colour REFERENCES e (id))",
        "INSERT INTO e VALUES ('red', NULL), ('green', 'red')",
    )
    table = sa.Table(
        "e", sa.MetaData(), sa.Column("id", sa.Enum("red", "green", name="colour"), primary_key=True)
    )

    with engine.connect() as connection:
        verdict = DeletionRules(table).check(connection, "red", "sql")

    assert [(blocker.table, blocker.count) for blocker in verdict.blockers] == [("e", 1)]


def test_blocking_rows_without_a_primary_key_are_cleared(database: Database) -> None:
    engine = made(
        database,
        "CREATE TABLE c (p_id INT, CONSTRAINT held FOREIGN KEY (p_id) REFERENCES p (id))",
        "INSERT INTO c VALUES (1), (1), (2)",
    )
    parents = subject()
    sa.Table("c", parents.metadata, sa.Column("p_id", sa.ForeignKey("p.id")))
    rules = DeletionRules(parents, {"relation": [{"table": "c", "remedy": "delete", "automatic": True}]})

    with sa.orm.Session(engine) as session:
        verdict = rules.delete(session, 1, how="sql")
        left = session.scalar(sa.text("SELECT count(*) FROM c"))

    assert verdict.deletable
    assert left == 1


RAISES = {
    "sqlite": ("CREATE TRIGGER no BEFORE DELETE ON p BEGIN SELECT RAISE(ABORT, 'kept'); END",),
    "mysql": ("CREATE TRIGGER no BEFORE DELETE ON p FOR EACH ROW SIGNAL SQLSTATE '45000'",),
    "postgresql": (
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''kept''; END'",
        "CREATE TRIGGER no BEFORE DELETE ON p FOR EACH ROW EXECUTE FUNCTION no()",
    ),
}


def test_a_trigger_that_raises_is_a_refusal_with_the_verdict(database: Database) -> None:
    """Drivers give it the class of their choice, PostgreSQL's no IntegrityError."""
    engine = made(database, *RAISES[database.dialect])

    with sa.orm.Session(engine) as session, pytest.raises(DeletionRefused) as refused:
        DeletionRules(subject()).delete(session, 1, how="sql")

    assert refused.value.verdict.outcome is Outcome.UNCERTAIN
    assert "the database refused" in refused.value.verdict.uncertain_because[-1]


@pytest.mark.only("mariadb")
@pytest.mark.parametrize(
    ("indexes", "passes"),
    [
        ("UNIQUE (p_id, q_id)", False),
        ("KEY (p_id, n, q_id)", False),
        ("KEY b (p_id, q_id), KEY a (p_id)", False),
        ("KEY a (p_id), UNIQUE (p_id, q_id)", False),  # the server puts UNIQUE first
        ("KEY b (p_id), KEY a (p_id, q_id)", True),
        ("UNIQUE (q_id, p_id)", True),
        ("KEY (p_id)", True),
    ],
)
@pytest.mark.parametrize("action", ["SET NULL", "CASCADE"])
def test_a_reference_is_looked_up_again_with_the_index_that_it_shares(
    database: Database, action: str, indexes: str, *, passes: bool
) -> None:
    """Q goes first and nulls q_id; where that writes the index of p_id too, InnoDB looks for the parent, which is about to go."""
    engine = made(
        database,
        "CREATE TABLE q (id INT PRIMARY KEY, CONSTRAINT a FOREIGN KEY (id) REFERENCES p (id) ON DELETE CASCADE)",
        f"CREATE TABLE r (id INT PRIMARY KEY, p_id INT, q_id INT, n INT, {indexes},"
        f" CONSTRAINT b FOREIGN KEY (p_id) REFERENCES p (id) ON DELETE {action},"
        " CONSTRAINT c FOREIGN KEY (q_id) REFERENCES q (id) ON DELETE SET NULL)",
        "INSERT INTO q VALUES (1)",
        "INSERT INTO r VALUES (1, 1, 1, 1)",
    )

    verdict = checked(engine)

    if passes:
        delete(engine)
        assert verdict.deletable
    else:
        with pytest.raises(sa.exc.IntegrityError, match="1452"):
            delete(engine)
        assert [(each.constraint, each.count) for each in verdict.blockers] == [("b", 1)]
