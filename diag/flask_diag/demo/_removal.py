"""The safe deletion, for those who want the index to clean up by itself."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path
from typing import TypedDict

from flask import request

from diag_rules.deletion import DeletionRules, Effect, Verdict

from ._session import the_demo, the_session
from .models import Project

POLICY = Path(__file__).with_name("deletion.toml")
NAMES = {
    "projects": ("project", "projects"),
    "releases": ("release", "releases"),
    "release_files": ("file", "files"),
    "roles": ("role", "roles"),
    "role_invitations": ("invitation", "invitations"),
    "organization_projects": ("place in an organization", "places in organizations"),
    "team_project_roles": ("team's role", "teams' roles"),
    "project_observations": ("report", "reports"),
    "release_observations": ("report about its releases", "reports about its releases"),
    "project_events": ("event", "events"),
}


class Went(TypedDict):
    """Rows of one table that are gone, and how people say it: ``3 invitations``."""

    table: str
    count: int
    what: str


@cache
def _rules() -> DeletionRules:
    """Read the models and the policy at the first use."""
    return DeletionRules(Project, policy=POLICY)


def clean_up_wanted() -> bool:
    """Whether this request, or the demo as a whole, wants invitations removed with the project."""
    demo = the_demo()
    return demo.plugin and (demo.clean_up or request.values.get("clean_up") in {"1", "on", "true"})


def remove(project: Project) -> Verdict:
    """Delete *project* after what the policy lets go by itself, and commit.

    Raises:
        DeletionRefused: something else blocks; nothing is changed.
    """
    verdict = _rules().delete(the_session(), project)
    the_session().commit()
    return verdict


def removed_first(verdict: Verdict) -> list[Went]:
    """Say what the safe delete removed so that the deletion could pass."""
    return [_went(effect) for effect in (Counter(verdict.done) - Counter(verdict.deleted)).elements()]


def gone_with_it(verdict: Verdict) -> list[Went]:
    """Say what the deletion itself removed."""
    return [_went(effect) for effect in verdict.deleted]


def _went(effect: Effect) -> Went:
    one, many = NAMES.get(effect.table, (effect.table, effect.table))
    what = f"{effect.count:,} {one if effect.count == 1 else many}"
    return {"table": effect.table, "count": effect.count, "what": what}
