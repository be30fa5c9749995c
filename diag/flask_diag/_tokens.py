"""Bearer tokens for programs. Only their hashes are stored; several of one name may hold at a time, to be rotated.

A token is 256 random bits, so that a plain SHA-256 is enough: there is nothing to guess, and a slow hash would only
make each request slow.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Literal, TypeAlias, get_args

Permission: TypeAlias = Literal["read", "act", "metrics"]
PERMISSIONS: tuple[str, ...] = get_args(Permission)
PREFIX = "diag_"  # lets scanners of leaked secrets know what they found
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Token:
    """What is stored of a token.

    Attributes:
        name: whose it is, for the audit trail.
        permissions: what it opens; none of them implies another.
        digest: the SHA-256 of the token, in hex.
        expires: the last day (UTC) on which it opens anything, or None.
    """

    name: str
    permissions: frozenset[str]
    digest: str = field(repr=False)
    expires: date | None = None

    @property
    def stored(self) -> str:
        """The text for ``DIAG_TOKENS``: ``ci:read+metrics:<hash>``, and ``:2027-12-31`` where it expires."""
        permissions = "+".join(one for one in PERMISSIONS if one in self.permissions)
        parts = [self.name, permissions, self.digest]
        return ":".join(parts if self.expires is None else [*parts, self.expires.isoformat()])

    @classmethod
    def parse(cls, text: str) -> Token:
        """Read what `stored` wrote.

        Raises:
            ValueError: it is something else. The message does not repeat it, for it may be the secret itself.
        """
        name, permissions, digest, expires, *more = [*text.split(":"), "", "", ""]
        if any(more) or not _NAME.fullmatch(name) or not _DIGEST.fullmatch(digest):
            raise ValueError(
                "A token in DIAG_TOKENS or tokens= is not of the form NAME:read+act+metrics:SHA256[:YYYY-MM-DD]: "
                "make one with `flask diag token NAME`, and store what it prints, never the token itself."
            )
        return cls(name, _permissions(name, permissions.split("+")), digest, _day(name, expires))

    @property
    def expired(self) -> bool:
        """Whether its last day is over."""
        return self.expires is not None and datetime.now(UTC).date() > self.expires


def tokens_of(given: str | Iterable[str | Token]) -> tuple[Token, ...]:
    """Return the tokens that are stored as *given*: texts, or one text with blanks between them.

    Raises:
        ValueError: one is malformed.
    """
    parts = given.split() if isinstance(given, str) else given
    return tuple(one if isinstance(one, Token) else Token.parse(one.strip()) for one in parts)


def new_token(name: str, permissions: Iterable[str], expires: date | None = None) -> tuple[str, Token]:
    """Make a token; return the secret, which is nowhere else, and what to store of it.

    Raises:
        ValueError: the name or a permission can't be had.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"A token can't be named {name!r}: use up to 64 letters, digits, '.', '_' and '-'.")
    secret = PREFIX + secrets.token_urlsafe(32)
    return secret, Token(name, _permissions(name, permissions), _digest(secret), expires)


def bearer(tokens: Iterable[Token], presented: str) -> Token | None:
    """Return the token that *presented* is, or None. All are compared, in constant time."""
    digest = _digest(presented)
    fitting = [token for token in tokens if hmac.compare_digest(token.digest, digest)]
    return next((token for token in fitting if not token.expired), None)


def _digest(secret: str) -> str:
    return sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _permissions(name: str, wanted: Iterable[str]) -> frozenset[str]:
    found = frozenset(wanted)
    if not found or not found <= set(PERMISSIONS):
        raise ValueError(
            f"The token {name!r} may {sorted(found - set(PERMISSIONS)) or 'do nothing'}: "
            f"give one or more of {', '.join(PERMISSIONS)}."
        )
    return found


def _day(name: str, text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise ValueError(f"The token {name!r} expires on {text!r}: give a day as YYYY-MM-DD.") from None
