"""The audit: hazards of deletion that models and schemas show before any data exists. One rule, one module."""

from __future__ import annotations

from . import (  # noqa: F401  importing a rule registers it
    cascade_too_deep_for_innodb,
    duplicate_reference,
    mapping_and_database_disagree,
    only_the_orm_acts,
    order_dependent_reference,
    orm_and_database_disagree,
    reference_not_enforced,
    reference_without_action,
    reference_without_action_behind_cascade,
    relationship_blanks_primary_key,
    relationship_nulls_not_null,
    set_default_without_default,
    set_null_breaks_constraint,
    set_null_on_not_null,
    set_null_on_tenant_key,
    unindexed_reference,
    unloadable_collection,
)
from ._baseline import as_baseline, at_or_over, exit_code, fingerprint, new_findings, read_baseline
from ._connection import read_schema
from ._formats import as_github, as_json, as_text, explain_rule, page
from ._model import Model
from ._rule import REGISTRY, Rule
from ._run import audit
from ._sarif import as_sarif

__all__ = [
    "REGISTRY",
    "Model",
    "Rule",
    "as_baseline",
    "as_github",
    "as_json",
    "as_sarif",
    "as_text",
    "at_or_over",
    "audit",
    "exit_code",
    "explain_rule",
    "fingerprint",
    "new_findings",
    "page",
    "read_baseline",
    "read_schema",
]
