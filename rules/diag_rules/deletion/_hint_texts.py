"""The hints that need no policy, in English and Chinese.

Each says first what a person can do, then, in brackets, what the developers have to change so that it never comes back.
"""

# ruff: noqa: RUF001  Chinese has punctuation of its own
from __future__ import annotations

from collections.abc import Mapping

from ._policy_texts import Texts
from ._verdict import Reason, RemedyAction

_ROWS = ("{count} row of {relation}", "{count} rows of {relation}")


def _texts(english: str, chinese: str, rows: tuple[str, str] = _ROWS) -> Texts:
    one, other = (english.replace("ROWS", form) for form in rows)
    return Texts({"en": {"one": one, "other": other}, "zh": {"other": chinese}})


def _named(english: str, chinese: str) -> Texts:
    return _texts(english, chinese, ("{count} {relation}", "{count} {relation}"))


# what to do about a relation that the policy names but gives no hint for
NAMED: Mapping[RemedyAction, Texts] = {
    RemedyAction.DELETE: _named("delete ROWS", "请先删除 {count} 个{relation}"),
    RemedyAction.DETACH: _named("detach ROWS", "请先解除 {count} 个{relation}的关联"),
    RemedyAction.REASSIGN: _named("reassign ROWS", "请先重新分配 {count} 个{relation}"),
    RemedyAction.MANUAL: _named("resolve ROWS", "请先处理 {count} 个{relation}"),
}

# by reason and variant; "orm": a relationship blanks the column, "orm_cascade": over a foreign key that cascades
UNNAMED: Mapping[tuple[Reason, str], Texts] = {
    (Reason.FOREIGN_KEY, ""): _texts(
        "delete or reassign ROWS",
        "请先删除或重新分配 {relation} 中的 {count} 行",
    ),
    (Reason.NOT_NULL, ""): _texts(
        "delete or reassign ROWS (for developers: ON DELETE SET NULL can't blank {columns}, which is NOT NULL)",
        "请先删除或重新分配 {relation} 中的 {count} 行（开发者：ON DELETE SET NULL 无法清空 NOT NULL 列 {columns}）",
    ),
    (Reason.NOT_NULL, "orm"): _texts(
        "delete ROWS first (for developers: {relationship} blanks {columns}, which is NOT NULL; "
        'give it cascade="all, delete-orphan", or passive_deletes=True over ON DELETE CASCADE)',
        "请先删除 {relation} 中的 {count} 行（开发者：{relationship} 会清空 NOT NULL 列 {columns}；"
        '请设置 cascade="all, delete-orphan"，或在 ON DELETE CASCADE 上设置 passive_deletes=True）',
    ),
    (Reason.NOT_NULL, "orm_cascade"): _texts(
        "delete ROWS first (for developers: set passive_deletes=True on {relationship}, "
        "so that the database's ON DELETE CASCADE removes them)",
        "请先删除 {relation} 中的 {count} 行（开发者：请在 {relationship} 上设置 passive_deletes=True，"
        "由数据库的 ON DELETE CASCADE 删除它们）",
    ),
    (Reason.PRIMARY_KEY, ""): _texts(
        "delete ROWS first (for developers: {relationship} would blank the primary key {columns}; "
        'give it cascade="all, delete-orphan" or passive_deletes="all")',
        "请先删除 {relation} 中的 {count} 行（开发者：{relationship} 会清空主键 {columns}；"
        '请设置 cascade="all, delete-orphan" 或 passive_deletes="all"）',
    ),
    (Reason.CHECK, ""): _texts(
        "delete or reassign ROWS (for developers: without their reference they break the check {constraint})",
        "请先删除或重新分配 {relation} 中的 {count} 行（开发者：失去引用后会违反检查约束 {constraint}）",
    ),
    (Reason.UNIQUE, ""): _texts(
        "delete or reassign ROWS (for developers: without their reference they break the unique constraint {constraint})",
        "请先删除或重新分配 {relation} 中的 {count} 行（开发者：失去引用后会违反唯一约束 {constraint}）",
    ),
    (Reason.DEPTH, ""): _texts(
        "delete ROWS first, the deepest ones before the others: the cascade is deeper than the database allows",
        "请先删除 {relation} 中的 {count} 行，从最深的开始：级联层数超过了数据库的限制",
    ),
    (Reason.ORM, ""): _texts(
        "ask the developers: the application can't delete this while {relationship} is set up as it is (ROWS)",
        "请联系开发者：{relationship} 的当前配置使应用无法删除（{relation} 中的 {count} 行）",
    ),
    (Reason.RULE, ""): _texts(
        "a rule forbids it: {relation}",
        "规则不允许删除：{relation}",
    ),
}
