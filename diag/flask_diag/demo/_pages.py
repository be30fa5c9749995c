"""The index: its projects, their management, and their deletion. No database error is handled here."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from diag_rules.deletion import Verdict

from ._answers import wants_page
from ._index import find_invitation, find_project, list_projects, open_reports
from ._removal import clean_up_wanted, gone_with_it, remove, removed_first
from ._session import the_session
from .models import Project

CSP = "default-src 'self'; frame-ancestors 'none'; form-action 'self'"
pages = Blueprint(
    "index", __name__, template_folder="templates", static_folder="static", static_url_path="/demo/static"
)


@pages.after_request
def _lock_down(response: Response) -> Response:
    """Run nothing but our own files; the plugin's answers bring a policy of their own."""
    response.headers.setdefault("Content-Security-Policy", CSP)
    return response


@pages.get("/")
@pages.get("/projects")
def projects() -> ResponseReturnValue:
    """The projects, page by page, or those whose name holds ``?q=``."""
    search = request.args.get("q", "")
    listing = list_projects(the_session(), search, request.args.get("page", 1, type=int))
    if wants_page():
        return render_template("demo/projects.html", listing=listing, search=search)
    return {"projects": [row.name for row in listing.rows], "page": listing.number, "pages": listing.pages}


@pages.get("/projects/<name>")
def project(name: str) -> ResponseReturnValue:
    """A project as its users see it."""
    found = _find(name)
    return render_template("demo/project.html", project=found) if wants_page() else _as_json(found)


@pages.get("/projects/<name>/manage")
def manage(name: str) -> ResponseReturnValue:
    """A project as its owner sees it."""
    found = _find(name)
    if wants_page():
        reports = open_reports(the_session(), found)
        return render_template("demo/manage.html", project=found, reports=reports)
    return _as_json(found)


@pages.post("/projects/<name>/invitations/<uuid:key>/revoke")
def revoke(name: str, key: UUID) -> ResponseReturnValue:
    """Take an invitation back."""
    found = _find(name)
    invitation = find_invitation(the_session(), found, key) or abort(404, "This invitation is gone already.")
    username = invitation.user.username
    the_session().delete(invitation)
    the_session().commit()
    return _done(f"The invitation of {username} is revoked.", _manage_url(found, "invitations"))


@pages.post("/projects/<name>/reports/<uuid:key>/close")
def close_report(name: str, key: UUID) -> ResponseReturnValue:
    """Close a report about a release: it is kept, by the release's name alone."""
    found = _find(name)
    mine = (report for report in open_reports(the_session(), found) if report.id == key)
    report = next(mine, None) or abort(404, "This report is closed already.")
    report.related_id = None
    the_session().commit()
    return _done(f"The report about {report.related_name} is closed.", _manage_url(found, "reports"))


@pages.get("/projects/<name>/delete")
def confirm(name: str) -> ResponseReturnValue:
    """Ask before deleting."""
    return render_template("demo/delete.html", project=_find(name))


@pages.post("/projects/<name>/delete")
@pages.delete("/projects/<name>")
def delete(name: str) -> ResponseReturnValue:
    """Delete a project; with ``clean_up=1`` its invitations are removed first."""
    found = _find(name)
    title = found.name
    if clean_up_wanted():
        return _deleted(title, remove(found))
    the_session().delete(found)
    the_session().commit()
    return _done(f"{title} is deleted.", url_for(".projects"))


def _deleted(title: str, verdict: Verdict) -> ResponseReturnValue:
    removed = removed_first(verdict)
    if not wants_page():
        return {"deleted": title, "removed": removed, "with_it": gone_with_it(verdict)}
    words = "; removed first: " + ", ".join(each["what"] for each in removed) if removed else ""
    return _done(f"{title} is deleted{words}.", url_for(".projects"))


def _find(name: str) -> Project:
    return find_project(the_session(), name) or abort(404, f"No project is called {name!r}.")


def _done(message: str, then: str) -> ResponseReturnValue:
    """Go on to the page *then* with a message, or answer a program with 204."""
    if not wants_page():
        return "", 204
    flash(message)
    return redirect(then, 303)


def _manage_url(project: Project, section: str) -> str:
    return url_for(".manage", name=project.normalized_name, _anchor=section)


def _as_json(project: Project) -> ResponseReturnValue:
    name = project.normalized_name
    return {
        "name": project.name,
        "releases": [release.version for release in project.releases],
        "collaborators": {role.user.username: role.role_name for role in project.roles},
        "invitations": [
            {
                "user": invitation.user.username,
                "status": invitation.invite_status,
                "revoke": url_for(".revoke", name=name, key=invitation.id),
            }
            for invitation in project.invitations
        ],
    }


@pages.app_errorhandler(404)
def _not_found(error: Exception) -> ResponseReturnValue:
    message = getattr(error, "description", None) or str(error)
    if wants_page():
        return render_template("demo/not_found.html", message=message), 404
    return {"message": message}, 404
