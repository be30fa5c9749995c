"""What a request may ask for: read once by the rule that the OpenAPI document shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of an operation.

    Attributes:
        kind: ``text``, ``number`` or ``moment`` (ISO 8601 with an offset).
        place: ``query`` or ``path``.
        words: what it means, for the document.
        least: the smallest number.
        most: the largest number, or the most characters of a text.
    """

    name: str
    words: str
    kind: Literal["text", "number", "moment"] = "text"
    place: Literal["query", "path"] = "query"
    default: Any = None
    choices: tuple[str, ...] = field(default=())
    required: bool = False
    least: int = 1
    most: int = 200

    def read(self, text: str | None) -> Any:
        """Return the value that *text* spells, or the default where there is none.

        Raises:
            BadRequest: it spells none; the message says what would.
        """
        if text is None:
            if self.required:
                raise BadRequest(f"The parameter {self.name} is missing: {self.words}")
            return self.default
        if self.choices and text not in self.choices:
            raise self._refused(text, f"one of {', '.join(self.choices)}")
        if self.kind == "number":
            return self._number(text)
        return self._moment(text) if self.kind == "moment" else self._text(text)

    def _text(self, text: str) -> str:
        text = text.replace("\0", "")  # no database takes it, and no name has it
        if len(text) > self.most or (self.required and not text):
            raise self._refused(text, f"1 to {self.most:,} characters")
        return text

    def _number(self, text: str) -> int:
        wanted = f"a whole number from {self.least} to {self.most}"
        if not (
            text.isascii() and text.isdigit() and len(text) < 10 and self.least <= int(text) <= self.most
        ):
            raise self._refused(text, wanted)
        return int(text)

    def _moment(self, text: str) -> datetime:
        try:
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is not None:
                return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            pass  # refused like one without an offset
        raise self._refused(text, "a moment such as 2026-11-22T12:00:00Z")

    def _refused(self, text: str, wanted: str) -> BadRequest:
        return BadRequest(f"The parameter {self.name} is {text[:80]!r}: give {wanted}.")

    @property
    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        if self.kind == "number":
            found: dict[str, Any] = {"type": "integer", "minimum": self.least, "maximum": self.most}
        elif self.kind == "moment":
            found = {"type": "string", "format": "date-time"}
        elif self.choices:
            found = {"type": "string", "enum": list(self.choices)}
        else:
            found = {"type": "string", "maxLength": self.most, **({"minLength": 1} if self.required else {})}
        return found if self.default is None else {**found, "default": self.default}

    def document(self) -> dict[str, Any]:
        """Return its entry in the document."""
        return {
            "name": self.name,
            "in": self.place,
            "description": self.words,
            "required": self.required,
            "schema": self.schema,
        }


def read_query(parameters: tuple[Parameter, ...], given: MultiDict[str, str]) -> dict[str, Any]:
    """Return the values of a query.

    Raises:
        BadRequest: it holds something that the operation does not know, or twice, or wrong.
    """
    known = {one.name: one for one in parameters if one.place == "query"}
    for name in given:
        if name not in known:
            raise BadRequest(f"There is no parameter {name[:80]!r}: there are {', '.join(known) or 'none'}.")
        if len(given.getlist(name)) > 1:
            raise BadRequest(
                f"The parameter {name} was given {len(given.getlist(name))} times: give it once."
            )
    return {name: one.read(given.get(name)) for name, one in known.items()}
