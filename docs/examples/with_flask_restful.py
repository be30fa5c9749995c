"""Flask-RESTful answers the errors of its resources itself: its `Api` has to ask us first."""

from __future__ import annotations

from _shop import Project, db, make_tables
from flask import Flask, Response, request
from flask_restful import Api, Resource

from flask_diag import Diagnostics

diag = Diagnostics(db=db, subject=Project)


class DiagnosedApi(Api):
    """Gives a database error our answer, and any other error its own."""

    def handle_error(self, e: Exception) -> Response:
        """Answer *e*; `answer` gives None for what is no database error."""
        return diag.answer(e) or super().handle_error(e)


class Projects(Resource):
    """All projects."""

    def post(self) -> tuple[dict[str, int], int]:
        """Make one."""
        project = Project(name=request.json["name"])
        db.session.add(project)
        db.session.commit()
        return {"id": project.id}, 201


class OneProject(Resource):
    """One project."""

    def delete(self, project_id: int) -> tuple[str, int]:
        """Delete it."""
        db.session.delete(db.get_or_404(Project, project_id))
        db.session.commit()
        return "", 204


def create_app(uri: str) -> Flask:
    """Make the application on the database at *uri*."""
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = uri
    db.init_app(app)
    diag.init_app(app)
    api = DiagnosedApi(app)
    api.add_resource(Projects, "/projects")
    api.add_resource(OneProject, "/projects/<int:project_id>")
    with app.app_context():
        make_tables()
    return app
