"""The switch that takes the database away and brings it back."""

from __future__ import annotations

from threading import Lock

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from ._answers import wants_page
from ._session import the_demo

switch = Blueprint("outage", __name__)
_one_at_a_time = Lock()


@switch.get("/demo/outage")
def show() -> ResponseReturnValue:
    """Say whether the database is there; asks the database nothing."""
    if wants_page():
        return render_template("demo/outage.html")
    return {"database": "away" if the_demo().database.away else "there"}


@switch.post("/demo/outage")
def toggle() -> ResponseReturnValue:
    """Take the database away, or bring it back."""
    database = the_demo().database
    with _one_at_a_time:
        (database.bring_back if database.away else database.take_away)()
    return redirect(url_for(".show"), 303) if wants_page() else show()
