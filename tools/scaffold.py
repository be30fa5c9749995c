"""``make new-rule``: the files of a new rule of the audit, or of the errors of a new database, with what is left to write marked."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from diag_rules.deletion import Severity
from diag_rules.deletion.audit import REGISTRY

ROOT = Path(__file__).parents[1]
AUDIT = ROOT / "rules" / "diag_rules" / "deletion" / "audit"
ERRORS = ROOT / "rules" / "diag_rules" / "errors"
TESTS = ROOT / "tests" / "rules"

RULE = '''"""{code} {name}."""

from __future__ import annotations

from collections.abc import Iterator

from diag_rules.deletion._finding import Severity

from ._model import Model
from ._rule import Hazard, rule
from ._words import where


@rule("{code}", "{name}", Severity.{severity})
def check(model: Model) -> Iterator[Hazard]:
    """TODO: the pattern, in one sentence.

    What it flags: TODO: exactly which mappings or keys, and where it stays quiet.
    Why: TODO: what happens when somebody deletes, with a figure or a report.
    Hint: TODO: the change to make.
    """
    for fk in model.references():
        if False:  # TODO: the pattern
            yield Hazard(where=where(fk), message="TODO", fix="TODO", place=model.place(fk))
'''
CASES = """rule: {code}
flags_TODO_what_it_flags:
  tables:
    project: {{columns: [id]}}
    child: {{columns: [id, project_id! -> project.id]}}
  flags: {{child.project_id: {severity}}}
quiet_TODO_where_it_is_quiet:
  tables:
    project: {{columns: [id]}}
    child: {{columns: [id, project_id! -> project.id cascade]}}
  flags: {{}}
"""
TABLE = '''"""{title}'s own codes.

Source: TODO: the document, its version, and the date on which it was read; whether it was seen live.
"""

from __future__ import annotations

from diag_rules.errors._kinds import Kind
from diag_rules.errors._row import Table, row, table

CODES: Table = table(
    row(1, Kind.UNDEFINED_TABLE, "TODO_the_symbol", summary="TODO: one sentence, where the kind's own is not enough."),
)  # fmt: skip
'''
DRIVER = '''"""{title}'s drivers: where each keeps the code."""

from __future__ import annotations

from typing import Any

from diag_rules.errors._reading import Reading, text


def read_{module}(error: BaseException, driver: str) -> Reading:
    """Read the attributes before the text, and never import the driver."""
    attributes: Any = error
    code = getattr(attributes, "TODO_errno", None)
    message = text(error.args[0]) if error.args else ""
    return Reading(driver, "{module}", None, code, message, type(error).__name__)
'''
TEST = '''"""{title}'s codes, through its drivers' exceptions."""

from __future__ import annotations

from diag_rules.errors import Kind, explain


def test_a_code_of_{module}_is_known() -> None:
    assert explain("{module}", 1).kind is Kind.UNDEFINED_TABLE
'''
NEXT_RULE = """\
Made {files}.
Next: write the cases, then the rule; every TODO is yours. `make test ARGS=tests/rules/deletion/test_audit_cases.py` fails until then.
How it is done: docs/how-to/write-a-rule.md.
"""
NEXT_DATABASE = """\
Made {files}.
Next, by hand, since each needs a decision:
  rules/diag_rules/errors/_drivers.py: the module of the driver's exceptions, and ("{module}", "read_{module}")
  rules/diag_rules/errors/_lookup.py: which table the dialect has, and whether a SQLSTATE helps
  diag/flask_diag/_codes.py: the dialect, for `flask diag classify`
How it is done: docs/how-to/add-a-database.md.
"""


def new_rule(name: str, severity: str) -> str:
    """Make a rule's module and cases, import it in the package, and say what is next.

    Raises:
        ValueError: the name is no name of a rule, or is in use; or there is no such severity.
    """
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", name):
        raise ValueError(
            f"NAME={name!r} is no name of a rule: give the pattern in words, as in unindexed-reference."
        )
    if name in {rule.name for rule in REGISTRY.values()}:
        raise ValueError(f"NAME={name!r} is in use; names and codes are given once.")
    found = Severity(severity)
    code = f"DEL{max(int(known.removeprefix('DEL')) for known in REGISTRY) + 1:03}"
    module = name.replace("-", "_")
    texts = {"code": code, "name": name, "severity": found.name}
    _write(AUDIT / f"{module}.py", RULE.format(**texts))
    _write(TESTS / "deletion" / "cases" / f"{code}.yaml", CASES.format(code=code, severity=found))
    _import(module)
    return NEXT_RULE.format(files=f"audit/{module}.py and cases/{code}.yaml, and imported it")


def _import(module: str) -> None:
    """Add *module* to the package's import, in order: importing a rule registers it."""
    package = AUDIT / "__init__.py"
    text = package.read_text("utf-8")
    head, start, rest = text.partition("registers it\n")
    listed, end, tail = rest.partition(")\n")
    names = sorted([*listed.replace(",", "").split(), module])
    lines = "".join(f"    {name},\n" for name in names)
    package.write_text(head + start + lines + end + tail, "utf-8")


def new_database(name: str) -> str:
    """Make the table, the reader and the test of a database's errors, and say what is next.

    Raises:
        ValueError: the name is none of a module.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]+", name):
        raise ValueError(
            f"DATABASE={name!r} is not how SQLAlchemy names a dialect: give it as in a URL, firebird."
        )
    texts = {"module": name, "title": name.capitalize()}
    _write(ERRORS / "tables" / f"{name}.py", TABLE.format(**texts))
    _write(ERRORS / "drivers" / f"{name}.py", DRIVER.format(**texts))
    _write(TESTS / "errors" / f"test_{name}_errors.py", TEST.format(**texts))
    return NEXT_DATABASE.format(files="its table, its reader and a test", **texts)


def _write(path: Path, text: str) -> None:
    if path.exists():
        raise ValueError(f"{path.relative_to(ROOT)} is there already: nothing was overwritten.")
    path.write_text(text, "utf-8")


def main(arguments: list[str]) -> None:
    """Do what the Makefile passes on."""
    try:
        match arguments:
            case ["rule", name, severity]:
                print(new_rule(name, severity), end="")  # noqa: T201 what to do next
            case ["database", name]:
                print(new_database(name), end="")  # noqa: T201
            case _:
                sys.exit("Give NAME=a-pattern-in-words for a rule, or DATABASE=name.")
    except ValueError as wrong:
        sys.exit(str(wrong))


if __name__ == "__main__":
    main(sys.argv[1:])
