"""The operations of the API: each a function of the application's diagnostics and of its parameters."""

from __future__ import annotations

from diag_rules.deletion import Finding, Severity
from diag_rules.errors import Classification
from flask_diag._access import limit_searches
from flask_diag._codes import DIALECTS, MAX_TEXT, meaning_of
from flask_diag._findings import findings
from flask_diag._in_force import Setting, in_force
from flask_diag._overview import Overview, overview
from flask_diag._report import Report, Unknown, Unreachable, report_in_time, ways
from flask_diag._search import Searched, search_in_time
from flask_diag._state import State
from flask_diag._subject import MAX_TEXT as MAX_NAME
from flask_diag._trail import record

from ._operation import AFTER, LANGUAGE, LIMIT, Operation
from ._parameters import Parameter
from ._problems import Unanswered
from ._stored import of_store
from ._values import Listed


def operations(found: State) -> tuple[Operation, ...]:
    """Return the operations that *found* can answer; those on the subject are named by its plural."""
    general = (
        Operation(path="/overview", call=get_overview, answer=Overview),
        Operation(
            path="/classification",
            call=get_classification,
            answer=Classification,
            parameters=(
                Parameter(
                    name="text",
                    words="A code, a line of a log, or a traceback.",
                    required=True,
                    most=MAX_TEXT,
                ),
                Parameter(
                    name="dialect", words="The only database to ask; by default all.", choices=DIALECTS
                ),
            ),
            problems=(404,),
        ),
        Operation(path="/settings", call=get_settings, answer=Listed[Setting]),
    )
    own = () if found.subject is None else _of_subject(found.subject.plural)
    return (*general, *own, *of_store(found))


def _of_subject(plural: str) -> tuple[Operation, ...]:
    key = Parameter(name="key", words="A name or a key.", place="path", required=True, most=MAX_NAME)
    query = Parameter(name="q", words="The start of a name, or a key.", default="", most=MAX_NAME)
    how = Parameter(
        name="how", words="The way of deleting to judge.", choices=("orm", "sql", "both"), default="both"
    )
    severity = Parameter(name="severity", words="Only these.", choices=tuple(map(str, Severity)))
    return (
        Operation(
            path=f"/{plural}",
            call=get_search,
            answer=Searched,
            parameters=(query, LIMIT, AFTER),
            problems=(404, 429, 503),
        ),
        Operation(
            path=f"/{plural}/{{key}}",
            call=get_verdicts,
            answer=Report,
            parameters=(key, how, LANGUAGE),
            problems=(404, 429, 503),
        ),
        Operation(
            path="/findings",
            call=get_findings,
            answer=Listed[Finding],
            parameters=(severity, LIMIT, AFTER),
            problems=(404,),
        ),
    )


def get_overview(found: State) -> Overview:
    """Say whether a database is down, and what this process met lately."""
    return overview(found)


def get_settings(found: State) -> Listed[Setting]:
    """List the settings in force, each with its default and who set it; no secret is among them."""
    return Listed(in_force(found))


def get_search(found: State, q: str, limit: int, after: str | None) -> Searched:
    """Find subjects by the start of their name, or by their key; suggest names like it where there is none."""
    limit_searches(found)
    answer = search_in_time(found, q, limit, after)
    record(found, "search", outcome="unknown" if isinstance(answer, Unreachable) else "done")
    match answer:
        case Searched():
            return answer
        case Unknown():
            raise Unanswered(404, "unknown-page", answer.message)
        case Unreachable():
            raise unreachable(found, answer)


def get_verdicts(found: State, key: str, how: str, lang: str) -> Report:
    """Say whether a subject can be deleted, each way; if not, why and what to do."""
    limit_searches(found)
    hows = ways(found, how)
    if not hows:
        raise Unanswered(
            404, "no-such-way", "The subject is a plain table, which the ORM does not delete: use sql."
        )
    answer = report_in_time(found, key, lang, hows)
    match answer:
        case Report():
            record(found, "look-up", key=answer.key)
            return answer
        case Unknown():
            record(found, "look-up", outcome="not-found")
            raise Unanswered(404, "unknown-subject", answer.message, near=answer.near)
        case Unreachable():
            record(found, "look-up", outcome="unknown")
            raise unreachable(found, answer)


def get_findings(found: State, severity: str | None, limit: int, after: str | None) -> Listed[Finding]:
    """List the hazards in the models. Asks no database."""
    rows = [row for row in findings(found) if severity in {None, str(row.severity)}]
    start = (
        0 if after is None else int(after) if after.isascii() and after.isdigit() and len(after) < 10 else -1
    )
    if not 0 <= start <= len(rows):
        raise Unanswered(404, "unknown-page", "There is no such page: take `next` of the page before.")
    end = start + limit
    return Listed(tuple(rows[start:end]), str(end) if end < len(rows) else None)


def get_classification(found: State, text: str, dialect: str | None) -> Classification:
    """Say what an error means: by its code, a line of a log that holds it, or a traceback."""
    meaning = meaning_of(text, found.engine().dialect.name, dialect)
    if meaning is None:
        raise Unanswered(
            404,
            "unknown-code",
            "No table knows a code in it: give a SQLSTATE (23503) or a number and its dialect.",
        )
    return meaning


def unreachable(found: State, why: Unreachable) -> Unanswered:
    """Return the problem of a database that could not be asked."""
    if why.failure:
        detail = f"The diagnostics failed ({why.failure}); the application's log says more."
    elif why.kind:
        detail = f"The database can't be asked now: {why.category}, {why.kind}."
    else:
        detail = "The database did not answer in time."
    return Unanswered(503, "no-answer", detail, retry_after=found.settings.retry_after)
