"""The demo's data: 2,000 projects, the same every time, about one in fifty blocked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import Connection, Table, insert

from . import models
from ._words import FAMILY, FIRST, GIVEN, LAST, ORGANIZATIONS, REPORTS, SECOND, SUMMARIES
from .models import InvitationStatus

PROJECTS = 2_000
USERS = 640
SAMPLE = "sampleproject"
EPOCH = datetime(2026, 1, 15, 9, 30)  # noqa: DTZ001 - the tables hold UTC without a zone, as PyPI's do

Row: TypeAlias = dict[str, Any]
Span: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Blocked:
    """How some projects are blocked: the least and the most rows of each sort that every one of them gets."""

    projects: int
    pending: Span = (0, 0)
    expired: Span = (0, 0)
    reports: Span = (0, 0)


BLOCKED = (
    Blocked(projects=13, pending=(1, 5)),
    Blocked(projects=8, expired=(1, 3)),
    Blocked(projects=6, pending=(1, 3), expired=(1, 2)),
    Blocked(projects=8, reports=(1, 4)),
    Blocked(projects=4, pending=(1, 2), reports=(1, 2)),
)
SAMPLE_BLOCKED = Blocked(projects=1, pending=(3, 3))
FREE = Blocked(projects=0)


def seed(connection: Connection) -> None:
    """Fill the empty tables, in the order of their foreign keys; leaves the COMMIT to the caller."""
    rows = _Index(Random(17751)).build()  # noqa: S311 - the same data every time; nothing here is a secret
    for table in models.Base.metadata.sorted_tables:
        connection.execute(insert(table), rows[table.name])


@dataclass
class _Index:
    """The rows of every table, as they grow."""

    random: Random
    rows: defaultdict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))

    def build(self) -> dict[str, list[Row]]:
        self._users()
        self._organizations()
        names = [SAMPLE, *self._names(PROJECTS - 1)]
        for name, blocked in zip(names, self._fates(), strict=True):
            self._project(name, blocked)
        return self.rows

    def _add(self, model: type[models.Base], **values: Any) -> Row:
        table: Table = model.metadata.tables[model.__tablename__]
        row = {"id": UUID(int=self.random.getrandbits(128), version=4), **values}
        self.rows[table.name].append(row)
        return row

    def _after(self, start: datetime, days: int) -> datetime:
        """A moment within *days* days of *start*."""
        return start + timedelta(minutes=self.random.randrange(1, days * 24 * 60))

    def _names(self, count: int) -> list[str]:
        """Different names, none of them the sample's."""
        found: dict[str, None] = {}
        while len(found) < count:
            first, second, last = map(self.random.choice, (FIRST, SECOND, LAST))
            found[
                self.random.choice((f"{first}-{second}", f"{first}-{second}-{last}", f"{second}-{last}"))
            ] = None
        return list(found)

    def _fates(self) -> Iterator[Blocked]:
        """The sample's first, then the others' in an order that looks like chance."""
        others = [blocked for blocked in BLOCKED for _ in range(blocked.projects)]
        others += [FREE] * (PROJECTS - 1 - len(others))
        self.random.shuffle(others)
        yield SAMPLE_BLOCKED
        yield from others

    def _users(self) -> None:
        people = self.random.sample([(given, family) for given in GIVEN for family in FAMILY], USERS)
        for given, family in people:
            username = f"{given}.{family}".lower()
            joined = self._after(EPOCH - timedelta(days=4000), 3000)
            self._add(models.User, username=username, name=f"{given} {family}", date_joined=joined)

    def _organizations(self) -> None:
        for name in ORGANIZATIONS:
            organization = self._add(models.Organization, name=name.lower(), display_name=name)
            for team in ("maintainers", "release-managers"):
                self._add(models.Team, name=team, organization_id=organization["id"])

    def _project(self, name: str, blocked: Blocked) -> None:
        created = self._after(EPOCH - timedelta(days=2000), 1900)
        project = self._add(models.Project, name=name, normalized_name=name.lower(), created=created)
        self._event(project, "project:create", created)
        people = self.random.sample(self.rows["users"], 12)
        self._roles(project, [people.pop() for _ in range(self.random.choice((1, 1, 1, 2, 3)))])
        for status, span in (
            (InvitationStatus.PENDING, blocked.pending),
            (InvitationStatus.EXPIRED, blocked.expired),
        ):
            self._invitations(project, status, [people.pop() for _ in range(self.random.randint(*span))])
        releases = self._releases(project, self.random.choice((1, 1, 2, 2, 3, 4, 6)))
        self._reports(project, releases, self.random.randint(*blocked.reports))
        self._extras(project)

    def _roles(self, project: Row, people: list[Row]) -> None:
        for index, user in enumerate(people):
            name = "Maintainer" if index else "Owner"
            self._add(models.Role, role_name=name, user_id=user["id"], project_id=project["id"])

    def _invitations(self, project: Row, status: InvitationStatus, people: list[Row]) -> None:
        start = EPOCH - timedelta(days=20 if status is InvitationStatus.PENDING else 400)
        for user in people:
            invited = self._after(start, 15)
            keys = {"user_id": user["id"], "project_id": project["id"]}
            self._add(models.RoleInvitation, invite_status=status, invited=invited, **keys)
            self._event(project, "project:role:invite", invited)

    def _releases(self, project: Row, count: int) -> list[Row]:
        owner = self.rows["roles"][-1]["user_id"]
        common = {
            "project_id": project["id"],
            "uploader_id": owner,
            "summary": self._summary(project["name"]),
        }
        releases: list[Row] = []
        created = project["created"]
        for minor in range(count):
            created = self._after(created, 30)
            releases.append(self._add(models.Release, version=f"1.{minor}.0", created=created, **common))
            self._files(project, releases[-1])
            self._event(project, "project:release:add", created)
        return releases

    def _summary(self, name: str) -> str:
        words = name.split("-")
        noun = next((word for word in words if word in SECOND), "project")
        return self.random.choice(SUMMARIES).format(words[0].capitalize(), noun)

    def _files(self, project: Row, release: Row) -> None:
        stem = f"{project['name'].replace('-', '_')}-{release['version']}"
        kinds = (("bdist_wheel", f"{stem}-py3-none-any.whl"), ("sdist", f"{stem}.tar.gz"))
        for kind, filename in kinds[: self.random.choice((1, 2, 2))]:
            values = {
                "packagetype": kind,
                "filename": filename,
                "size": self.random.randrange(2_000, 900_000),
            }
            self._add(models.File, release_id=release["id"], upload_time=release["created"], **values)

    def _reports(self, project: Row, releases: list[Row], count: int) -> None:
        for _ in range(count):
            release = self.random.choice(releases)
            self._report(models.ReleaseObservation, release, f"{project['name']} {release['version']}")

    def _report(self, model: type[models.Base], about: Row, name: str) -> None:
        kind, summary = self.random.choice(REPORTS)
        values = {"kind": kind, "summary": summary, "created": self._after(EPOCH, 60)}
        self._add(model, related_id=about["id"], related_name=name, **values)

    def _extras(self, project: Row) -> None:
        """What projects may have and be deleted all the same."""
        if self.random.random() < 0.1:
            self._organize(project, self.random.choice(self.rows["organizations"]))
        if self.random.random() < 0.04:
            self._report(models.ProjectObservation, project, project["name"])

    def _organize(self, project: Row, organization: Row) -> None:
        self._add(models.OrganizationProject, organization_id=organization["id"], project_id=project["id"])
        for team in self.rows["teams"]:
            if team["organization_id"] == organization["id"]:
                keys = {"team_id": team["id"], "project_id": project["id"]}
                self._add(models.TeamProjectRole, role_name="Maintainer", **keys)

    def _event(self, project: Row, tag: str, time: datetime) -> None:
        self._add(models.ProjectEvent, source_id=project["id"], tag=tag, time=time)
