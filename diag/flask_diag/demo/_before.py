"""The world before: every database error is an outage, as it was at PyPI (pypi/warehouse#17751)."""

from __future__ import annotations

from flask import Flask, Response, make_response, render_template
from sqlalchemy.exc import SQLAlchemyError

from ._answers import wants_page

SORRY = "The Demo Package Index is down for maintenance or is having an outage."


def answer_like_pypi(app: Flask) -> None:
    """Answer 503 to whatever the database raises, whether it is broken or only said no."""
    app.register_error_handler(SQLAlchemyError, _down_for_maintenance)


def _down_for_maintenance(_error: SQLAlchemyError) -> Response:
    if wants_page():
        return make_response(render_template("demo/before.html", sorry=SORRY), 503)
    return make_response({"message": SORRY}, 503)
