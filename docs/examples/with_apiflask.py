"""APIFlask answers HTTP errors as JSON of its own; database errors come to us by themselves."""

from __future__ import annotations

from _shop import Project, db, make_tables
from apiflask import APIFlask, Schema
from apiflask.fields import Integer, String

from flask_diag import Diagnostics


class ProjectIn(Schema):
    """What a project is made from."""

    name = String(required=True)


class ProjectOut(Schema):
    """A project as JSON."""

    id = Integer()
    name = String()


def create_app(uri: str) -> APIFlask:
    """Make the application on the database at *uri*."""
    app = APIFlask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = uri
    db.init_app(app)
    Diagnostics(app, db, subject=Project)

    @app.post("/projects")
    @app.input(ProjectIn)
    @app.output(ProjectOut, status_code=201)
    def create(json_data: dict[str, str]) -> Project:
        project = Project(**json_data)
        db.session.add(project)
        db.session.commit()
        return project

    @app.delete("/projects/<int:project_id>")
    @app.output({}, status_code=204)
    def delete(project_id: int) -> str:
        db.session.delete(db.get_or_404(Project, project_id))
        db.session.commit()
        return ""

    with app.app_context():
        make_tables()
    return app
