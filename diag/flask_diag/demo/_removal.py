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
    """What a deletion removed, in words: before it, and with it."""

    removed: list[str]
    with_it: list[str]


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


def what_went(verdict: Verdict) -> Went:
    """Put what the safe delete did into words."""
    first = Counter(verdict.done) - Counter(verdict.deleted)
    return {"removed": list(map(_words, first.elements())), "with_it": list(map(_words, verdict.deleted))}


def _words(effect: Effect) -> str:
    one, many = NAMES.get(effect.table, (effect.table, effect.table))
    return f"{effect.count:,} {one if effect.count == 1 else many}"
