"""Every support page that a browser is to see. A page that is added needs one line here, and nothing else."""

from __future__ import annotations

PAGES = {
    "overview": "/diag/",
    "incidents": "/diag/incidents",
    "incidents-filtered": "/diag/incidents?category=business_rule&since=2020-01-01T00:00&last=90d",
    "incidents-reference": "/diag/incidents?reference=of-nobody",
    "outages": "/diag/outages",
    "settings": "/diag/settings",
    "audit": "/diag/audit",
    "runbooks": "/diag/runbooks/",
    "runbook": "/diag/runbooks/DiagDatabaseOutage",
    "project-blocked": "/diag/projects/sampleproject",
    "project-chinese": "/diag/projects/sampleproject?lang=zh",
    "project-unknown": "/diag/projects/sampelproject",
    "search": "/diag/find?q=a",
    "search-nothing": "/diag/find?q=sampelproject",
    "blocked": "/diag/blocked?rule=release_observations.related_id",
}
# those that need the database, or tell of it
WHILE_DOWN = ("overview", "incidents", "outages", "project-blocked", "search", "blocked")
