"""A package index in the shape of PyPI's, to try flask-diag on: ``python -m flask_diag.demo``."""

from ._app import create_app

__all__ = ["create_app"]
