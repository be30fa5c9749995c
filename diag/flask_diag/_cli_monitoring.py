"""``flask diag alerts`` and ``flask diag dashboard``: what Prometheus, Alertmanager and Grafana are set up with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import click
from flask import current_app
from flask.cli import with_appcontext

from diag_exporters import alerts as alerting
from diag_exporters import dashboards

from ._cli_exit import USAGE, fail
from ._state import state

Command = TypeVar("Command", bound=Callable[..., Any])


def _settings(options: Any, meanings: dict[str, str]) -> Callable[[Command], Command]:
    """Return a decorator that adds an option for each field of the dataclass *options*."""

    def add(command: Command) -> Command:
        for one in reversed(fields(options)):
            command = click.option(
                f"--{one.name.replace('_', '-')}",
                type=type(one.default),
                default=one.default,
                show_default=one.default != "",
                help=meanings[one.name],
            )(command)
        return command

    return add


_output = click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to this file, not to the terminal.",
)


@click.command("alerts")
@_settings(alerting.AlertOptions, alerting.MEANINGS)
@click.option(
    "--alertmanager",
    is_flag=True,
    help="Write an example for Alertmanager instead: routes, and what keeps what quiet.",
)
@_output
@with_appcontext
def alerts(alertmanager: bool, output: Path | None, **chosen: Any) -> None:  # noqa: FBT001 click passes flags by name
    """Write the alert rules for Prometheus: pages for outages, tickets for the rest, nothing for broken business rules.

    Exit code: 0, or 2 for wrong usage.

    Example: flask diag alerts --selector 'job="shop"' --objective 99.5 --output flask-diag.rules.yml
    """
    chosen["runbook_url"] = _runbooks(chosen["runbook_url"])
    make = alerting.alertmanager if alertmanager else alerting.rules
    _write(lambda: make(alerting.AlertOptions(**chosen)), output)


@click.command("dashboard")
@click.argument("name", type=click.Choice(list(dashboards.DASHBOARDS)), default="sre")
@_settings(dashboards.DashboardOptions, dashboards.MEANINGS)
@_output
@with_appcontext
def dashboard(name: str, output: Path | None, **chosen: Any) -> None:
    """Write a dashboard for Grafana: sre (by default), or deletions.

    Exit code: 0, or 2 for wrong usage.

    Example: flask diag dashboard deletions --output deletions.json
    """
    _write(lambda: dashboards.dashboard(name, dashboards.DashboardOptions(**chosen)), output)


def _runbooks(given: str) -> str:
    """Return where the application's runbooks are, as far as it knows its own address."""
    default = alerting.AlertOptions().runbook_url
    if given != default:
        return given
    prefix, server = state().settings.url_prefix, current_app.config["SERVER_NAME"]
    if prefix is None:
        fail(
            "DIAG_URL_PREFIX is None, so nobody serves the runbooks: give --runbook-url, where you keep them.",
            USAGE,
        )
    root = current_app.config["APPLICATION_ROOT"].rstrip("/")
    address = f"{current_app.config['PREFERRED_URL_SCHEME']}://{server}" if server else ""
    return f"{address}{root}{prefix}/runbooks"


def _write(make: Callable[[], str], output: Path | None) -> None:
    try:
        text = make()
        if output is None:
            click.echo(text, nl=False)
        else:
            output.write_text(text, "utf-8")
            click.echo(f"Wrote {output}.", err=True)
    except (ValueError, OSError) as error:
        fail(str(error), USAGE)
