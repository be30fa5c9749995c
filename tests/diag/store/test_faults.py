"""The store itself broken: the application does not notice, the loss is counted, and it recovers."""

from __future__ import annotations

import sqlite3
import stat
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from sqlalchemy import text

from _servers import NotFound, Server, Servers
from _threads import finish_late_questions
from diag._shop import fill, make_shop
from diag.store._incidents import EVER, NOON, OUT, after, counted, met
from flask_diag.store import Store, StoreUnavailable, _intake, _ledger
from flask_diag.store._database import Database as StoreDatabase

if TYPE_CHECKING:
    from conftest import Database

MakeStore = Callable[..., Store]
only_sqlite = pytest.mark.only("sqlite")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow one another at once."""
    monkeypatch.setattr(_intake, "BACKOFF", (0.01,))


class Lost(Counter[str]):
    """What was told as dropped, by reason; an event for each reason."""

    def __init__(self) -> None:
        super().__init__()
        self.told = threading.Event()

    def __call__(self, reason: str, count: int) -> None:
        self[reason] += count
        self.told.set()


def path_of(store: Store) -> Path:
    """Return a store's file."""
    assert store.database.path is not None
    return store.database.path


@only_sqlite
@pytest.mark.usefixtures("impatient")
def test_a_file_that_is_locked_is_waited_for(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits is written once, when the lock is gone."""
    monkeypatch.setattr("flask_diag.store._database.CONNECT_SECONDS", 0.1)
    locked = Store(store.database.url, "shop", interval=0.0, drain=0)
    with closing(sqlite3.connect(path_of(store), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for _ in range(5):
            locked.intake(met())
        assert not locked.flush(10)
        assert locked.queue_length == 5
        other.execute("ROLLBACK")

    assert locked.flush(10)
    assert counted(store) == 5
    locked.close()


@only_sqlite
@pytest.mark.usefixtures("impatient")
def test_a_corrupt_file_of_our_own_is_moved_aside_and_begun_anew(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """The history is lost, and says so; what comes is kept."""
    store = Store(database.url, "shop", interval=0.0, drain=0, own_file=True)
    store.intake(met())
    assert store.flush()
    path_of(store).write_bytes(b"this is no database, " * 1000)

    store.intake(met(at=after(1)))
    store.flush(10)
    assert store.flush(10)

    assert counted(store) == 1
    assert len(list(path_of(store).parent.glob("*.corrupt-*"))) == 1
    assert "was corrupt: it is now" in caplog.text
    store.close()


@only_sqlite
@pytest.mark.usefixtures("impatient")
def test_a_corrupt_file_that_was_named_is_left_alone(make_store: MakeStore) -> None:
    """It may be anybody's: what waits is dropped once there is no more room, and counted."""
    lost = Lost()
    store = make_store(queue=3, dropped=lost)
    path_of(store).write_bytes(b"this is no database, " * 1000)

    for number in range(10):
        store.intake(met(subject="Project", subject_key=str(number)))
        store.flush(10)

    assert (lost["store_down"] + lost["queue_full"], store.queue_length) == (
        10 - store.queue_length,
        store.queue_length,
    )
    assert store.queue_length <= 6
    assert path_of(store).read_bytes().startswith(b"this is no database")
    with pytest.raises(StoreUnavailable, match="can't be asked"):
        store.incidents()


@only_sqlite
@pytest.mark.usefixtures("impatient")
def test_a_file_that_is_deleted_is_made_again(store: Store) -> None:
    store.intake(met())
    store.flush()
    path_of(store).unlink()
    for end in ("-wal", "-shm"):
        path_of(store).with_name(path_of(store).name + end).unlink(missing_ok=True)

    store.intake(met(at=after(1)))

    assert store.flush()
    assert counted(store) == 1


@only_sqlite
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("broken", ["max_page_count = 1", "query_only = ON"])
def test_a_disk_that_is_full_or_read_only_is_waited_out(
    store: Store, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """As with every outage of the store: incidents fold in memory, and are written when there is room."""
    store.intake(met())
    store.flush()
    pragmas: list[str | None] = [broken]
    whole = StoreDatabase._transaction

    def limited(self: StoreDatabase, *, writes: bool) -> Any:
        return _Limited(whole(self, writes=writes), pragmas[0])

    monkeypatch.setattr(StoreDatabase, "_transaction", limited)

    for number in range(300):
        store.intake(met(subject="Project", subject_key=f"{number}-{'x' * 150}"))
    assert not store.flush(10)
    pragmas[0] = None

    assert store.flush(10)
    assert counted(store) == 301


class _Limited:
    """A transaction in a database that may grow no more, or not be written."""

    def __init__(self, inner: Any, pragma: str | None) -> None:
        self._inner, self._pragma = inner, pragma

    def __enter__(self) -> Any:
        connection = self._inner.__enter__()
        if self._pragma is not None:
            connection.exec_driver_sql(f"PRAGMA {self._pragma}")  # no fewer pages than there are
        return connection

    def __exit__(self, *error: object) -> Any:
        return self._inner.__exit__(*error)


@only_sqlite
def test_a_folder_that_cannot_be_made_costs_the_application_nothing(
    database: Database, tmp_path: Path
) -> None:
    """The request is answered as ever, and what could not be kept is counted at the end."""
    (tmp_path / "file").write_text("in the way")
    engine = database.engine()
    fill(engine)
    shop = make_shop(
        engine, config={"DIAG_STORE_URL": f"sqlite:///{tmp_path}/file/store.sqlite", "DIAG_STORE_DRAIN": 0}
    )

    answer = shop.client.delete("/projects/sampleproject")
    store: Store = shop.app.extensions["diag"].store
    closed = store.close(10)

    dropped = shop.registry.get_sample_value("diag_incidents_dropped_total", {"reason": "process_end"})
    assert (answer.status_code, closed, dropped) == (409, False, 1)
    assert shop.errors("business_rule", "not_null_violation") == 1


@only_sqlite
def test_the_default_store_is_a_file_in_the_instance_folder_for_its_owner_only(
    database: Database, tmp_path: Path
) -> None:
    """It makes itself at the first incident, not before."""
    engine = database.engine()
    fill(engine)
    shop = make_shop(engine, config={"DIAG_STORE_URL": "instance", "DIAG_STORE_DRAIN": 0})
    store: Store = shop.app.extensions["diag"].store
    elsewhere = Store(f"sqlite:///{tmp_path}/instance/diag-store.sqlite", "shop", drain=0)

    assert path_of(store) == Path(shop.app.instance_path) / "diag-store.sqlite"
    assert not path_of(elsewhere).exists()
    elsewhere.intake(met())
    assert elsewhere.flush()
    assert stat.S_IMODE(path_of(elsewhere).stat().st_mode) == 0o600
    elsewhere.close()


@only_sqlite
@pytest.mark.usefixtures("impatient")
def test_memory_stays_bounded_while_the_store_is_down(make_store: MakeStore) -> None:
    """Incidents of one sort fold into one; of many sorts as many wait as there is room for, the rest is counted."""
    lost = Lost()
    store = make_store(queue=100, dropped=lost)
    path_of(store).write_bytes(b"this is no database, " * 1000)

    for number in range(5_000):
        store.intake(met(subject="Project", subject_key=str(number)))
    store.flush(30)

    kept = store.queue_length
    assert kept + lost.total() == 5_000
    assert kept <= 300  # the queue, what is folded, and the batch that is tried


def held_ledgers(folder: Path) -> int:
    """Return how many ledgers of *folder* this process has open, its own and those of the dead."""
    paths = {Path(file.path) for file in psutil.Process().open_files()}
    return sum(path.parent == folder and path.name.startswith("diag-ledger") for path in paths)


@only_sqlite
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("lasting", "counted_by_the_next"), [(True, 7), (False, 7 + 1)])
def test_a_store_closed_while_its_database_is_down_lets_go_of_all_and_its_loss_is_told_once(
    make_store: MakeStore, monkeypatch: pytest.MonkeyPatch, *, lasting: bool, counted_by_the_next: int
) -> None:
    """What a dead process has left is the next one's to count, with what this one could not tell for good."""
    lost, others = Lost(), Lost()
    store = make_store(dropped=lost, lasting=lasting)
    path = path_of(store)
    dead = _ledger.Ledger(path.parent, f"{store.database.url}#shop", "dead")
    dead.open()
    dead.accepted(7)
    dead.close(settled=False)
    aside = path.rename(path.with_name("aside"))
    path.write_bytes(b"this is no database, " * 1000)
    store.intake(met())
    store.flush(10)
    held = held_ledgers(path.parent)

    closed = store.close(10)

    assert (held, held_ledgers(path.parent), closed, lost) == (2, 0, False, {"process_end": 1})
    aside.replace(path)
    monkeypatch.setattr(_ledger, "_told_here", {})  # as in another process
    heir = make_store(dropped=others)
    heir.intake(met())
    assert heir.flush(10)
    assert others == {"killed": counted_by_the_next}
    assert heir.status().lost == 7 + 1


@only_sqlite
@pytest.mark.usefixtures("impatient")
def test_a_process_that_goes_on_after_its_store_was_closed_counts_a_loss_once(make_store: MakeStore) -> None:
    """Its counters know it already, whether they last or not."""
    lost = Lost()
    store = make_store(dropped=lost)
    aside = path_of(store).rename(path_of(store).with_name("aside"))
    path_of(store).write_bytes(b"this is no database, " * 1000)
    store.intake(met())
    assert not store.close(10)
    aside.replace(path_of(store))

    store.intake(met())

    assert store.flush(10)
    assert lost == {"process_end": 1}
    assert store.status().lost == 1


@pytest.mark.only("postgresql", "mariadb")
def test_a_connection_that_is_out_when_the_store_is_closed_is_closed_when_it_comes_back(store: Store) -> None:
    """A thread that was too slow has it: nobody else would close it."""
    with store.database.read() as connection:
        raw: Any = connection.connection.dbapi_connection
        store.close()
        assert not is_closed(raw)

    assert is_closed(raw)


def is_closed(raw: Any) -> bool:
    """Tell whether a connection of psycopg or PyMySQL is closed."""
    return bool(raw.closed) if hasattr(raw, "closed") else not raw.open


@only_sqlite
def test_a_writer_that_died_is_replaced_with_the_next_incident(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever ends the thread, the next incident starts another, and nothing is lost."""
    store.intake(met())
    store.flush()
    thread = store.intake._thread
    assert thread is not None
    store.intake._thread = None  # it ends as a thread does that is not the store's any more
    store.intake._queue.put(_intake.Flush())
    thread.join(10)
    assert not thread.is_alive()

    store.intake(met(at=after(1)))

    assert store.flush()
    assert counted(store) == 2


@only_sqlite
def test_a_row_that_the_database_refuses_stops_none_of_the_others(make_store: MakeStore) -> None:
    """It is dropped and counted; what came with it is written."""
    lost = Lost()
    store = make_store(dropped=lost)
    with store.database.write() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER no_seven BEFORE INSERT ON diag_incident WHEN NEW.subject_key = '7' "
            "BEGIN SELECT RAISE(ABORT, 'no sevens'); END"
        )

    store.intake._interval = 0.2
    for key in ("6", "7", "8"):
        store.intake(met(subject="Project", subject_key=key))
    store.flush()

    assert store.flush()
    assert {one.subject_key for one in store.incidents().items} == {"6", "8"}
    assert lost == {"refused": 1}


@pytest.fixture
def server(servers: Servers, absent: Callable[[str], None], request: pytest.FixtureRequest) -> Server:
    """A server that the test may break."""
    try:
        return servers.start_private(request.param)
    except NotFound as missing:
        absent(str(missing))
        raise


@pytest.mark.parametrize("server", ["postgresql", "mariadb"], indirect=True)
@pytest.mark.usefixtures("impatient")
def test_a_server_that_stops_is_caught_up_with_when_it_is_back(server: Server) -> None:
    """While it is away the application pays nothing; afterwards all is there, once."""
    server.create_database("kept")
    store = Store(server.url(database="kept"), "shop", interval=0.0, drain=0)
    store.upgrade()
    store.intake(met())
    assert store.flush()
    server.stop()

    started = time.perf_counter()
    for number in range(200):
        store.intake(met(OUT, at=after(number)))
    took = time.perf_counter() - started
    assert not store.flush(30)
    with pytest.raises(StoreUnavailable):
        store.incidents()
    assert store.status().schema == "unreachable"
    server.start()

    assert store.flush(30)
    assert counted(store) == 201
    assert [one.started for one in store.outages(*EVER)] == [NOON]
    assert took < 1
    store.close()


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
@pytest.mark.usefixtures("impatient")
def test_a_commit_whose_answer_is_lost_is_not_repeated(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each batch has a number in the store: one that was written is not written again."""
    server.create_database("twice")
    store = Store(server.url(database="twice"), "shop", interval=0.0, drain=0)
    store.upgrade()
    store.intake(met())
    store.flush()
    engine = store.database.engine
    whole, cut = engine.dialect.do_commit, [True]

    def lost(connection: Any) -> None:
        whole(connection)
        if cut.pop() if cut else False:
            raise engine.dialect.loaded_dbapi.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(engine.dialect, "do_commit", lost)
    for number in range(3):
        store.intake(met(at=after(number)))
    store.flush()

    assert store.flush()
    assert counted(store) == 4
    assert store.status().written == 4
    store.close()


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_a_server_that_hangs_holds_no_reader_for_long(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections are accepted and silent: the question ends by our own limit."""
    monkeypatch.setattr("flask_diag.store._asking.READ_SECONDS", 0.5)
    server.create_database("silent")
    store = Store(server.url(database="silent"), "shop", drain=0)
    store.upgrade()
    store.incidents()
    server.pause()

    try:
        with pytest.raises(StoreUnavailable, match="did not answer within"):
            store.incidents()
    finally:
        server.resume()
    finish_late_questions()
    store.database.close()


@pytest.mark.only("postgresql", "mariadb")
def test_a_server_without_tables_is_told_to_be_upgraded(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """Incidents wait meanwhile, and are written after the upgrade."""
    store = Store(database.url, "shop", interval=0.0, drain=0)
    store.intake(met())

    assert not store.flush()
    assert "run flask diag store upgrade" in caplog.text
    assert store.status().schema == "empty"
    store.upgrade()

    assert store.flush()
    assert counted(store) == 1
    store.close()


@pytest.mark.only("postgresql")
def test_the_store_in_the_applications_own_database_is_not_counted_as_the_application(
    database: Database,
) -> None:
    """Its failures are ours, also where a listener hears every engine of the process."""
    engine = database.engine()
    fill(engine)
    shop = make_shop(
        engine,
        config={"DIAG_STORE_URL": database.url.render_as_string(hide_password=False), "DIAG_STORE_DRAIN": 0},
    )
    store: Store = shop.app.extensions["diag"].store
    store.upgrade()
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE diag_writer"))

    store.intake(met())
    assert not store.flush()
    assert shop.met == []
    store.close(5)
