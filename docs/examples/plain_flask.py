"""Plain Flask: nothing to do but to attach it. Handlers of the application's own keep precedence."""

from __future__ import annotations

from _shop import Project, db, make_tables
from flask import Flask, request

from flask_diag import Diagnostics


def create_app(uri: str) -> Flask:
    """Make the application on the database at *uri*."""
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = uri
    db.init_app(app)
    Diagnostics(app, db, subject=Project)

    @app.post("/projects")
    def create() -> tuple[dict[str, int], int]:
        project = Project(name=request.json["name"])
        db.session.add(project)
        db.session.commit()
        return {"id": project.id}, 201

    @app.delete("/projects/<int:project_id>")
    def delete(project_id: int) -> tuple[str, int]:
        db.session.delete(db.get_or_404(Project, project_id))
        db.session.commit()
        return "", 204

    with app.app_context():
        make_tables()
    return app
