"""flask-smorest answers HTTP errors only, so that database errors come to us by themselves."""

from __future__ import annotations

from _shop import Project, db, make_tables
from flask import Flask
from flask.views import MethodView
from flask_smorest import Api, Blueprint
from marshmallow import Schema, fields

from flask_diag import Diagnostics


class ProjectSchema(Schema):
    """A project as JSON."""

    id = fields.Int(dump_only=True)
    name = fields.Str(required=True)


blueprint = Blueprint("projects", __name__, url_prefix="/projects")


@blueprint.route("")
class Projects(MethodView):
    """All projects."""

    @blueprint.arguments(ProjectSchema)
    @blueprint.response(201, ProjectSchema)
    def post(self, data: dict[str, str]) -> Project:
        """Make one."""
        project = Project(**data)
        db.session.add(project)
        db.session.commit()
        return project


@blueprint.route("/<int:project_id>")
class OneProject(MethodView):
    """One project."""

    @blueprint.response(204)
    def delete(self, project_id: int) -> None:
        """Delete it."""
        db.session.delete(db.get_or_404(Project, project_id))
        db.session.commit()


def create_app(uri: str) -> Flask:
    """Make the application on the database at *uri*."""
    app = Flask(__name__)
    app.config.update(
        SQLALCHEMY_DATABASE_URI=uri, API_TITLE="Projects", API_VERSION="v1", OPENAPI_VERSION="3.1.0"
    )
    db.init_app(app)
    Diagnostics(app, db, subject=Project)
    Api(app).register_blueprint(blueprint)
    with app.app_context():
        make_tables()
    return app
