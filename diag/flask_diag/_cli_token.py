"""``flask diag token``: make a bearer token."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click

from ._cli_exit import USAGE, as_json_text, fail
from ._tokens import PERMISSIONS, new_token


@click.command("token")
@click.argument("name")
@click.option(
    "--may",
    "permissions",
    multiple=True,
    type=click.Choice(PERMISSIONS),
    default=("read",),
    show_default="read",
    help="What it opens; may be repeated. None implies another.",
)
@click.option("--days", type=click.IntRange(1, 3650), help="It expires after so many days; by default never.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def token(name: str, permissions: tuple[str, ...], days: int | None, as_json: bool) -> None:  # noqa: FBT001 click passes flags by name
    """Make a bearer token called NAME, and print it and what to store of it. Nothing is stored by itself.

    To rotate one, make another of the same name, store both, and remove the old one when nobody uses it any more.

    Exit code: 0, or 2 for wrong usage.

    Example: flask diag token prometheus --may metrics --days 365
    """
    expires = None if days is None else datetime.now(UTC).date() + timedelta(days=days)
    try:
        secret, made = new_token(name, permissions, expires)
    except ValueError as error:
        fail(str(error), USAGE)
    if as_json:
        click.echo(as_json_text({"token": secret, "store": made.stored}))
        return
    click.echo(f"The token, shown this once: {click.style(secret, bold=True)}")
    click.echo(f"Add to DIAG_TOKENS:          {made.stored}")
    click.echo("Send it as:                  Authorization: Bearer <token>")
