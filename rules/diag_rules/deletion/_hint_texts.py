"""The words that need no policy, in English and Chinese: hints for people, advice for developers."""

# ruff: noqa: RUF001  Chinese has punctuation of its own
from __future__ import annotations

from collections.abc import Mapping

from ._policy_texts import Texts
from ._verdict import Reason, RemedyAction

Key = tuple[Reason, str]

# what ROWS stands for in English, by plural form, and in Chinese
_ROWS = ("{count} row of {relation}", "{count} rows of {relation}", "{relation} 中的 {count} 行")
_ENTRIES = ("{count} entry in “{relation}”", "{count} entries in “{relation}”", "“{relation}”中的 {count} 项")
_NAMES = ("{count} {relation}", "{count} {relation}", "{count} 个{relation}")


def _texts(english: str, chinese: str, rows: tuple[str, str, str] = _ROWS) -> Texts:
    one, other = (english.replace("ROWS", form) for form in rows[:2])
    return Texts(
        {
            "en": {"one": one, "other": other},
            "zh": {"other": chinese.replace("ROWS", rows[2]).replace(" “", "“")},
        }
    )


# what to do about a relation that the policy names but gives no hint for
NAMED: Mapping[RemedyAction, Texts] = {
    RemedyAction.DELETE: _texts("delete ROWS", "请先删除 ROWS", _NAMES),
    RemedyAction.DETACH: _texts("detach ROWS", "请先解除 ROWS的关联", _NAMES),
    RemedyAction.REASSIGN: _texts("reassign ROWS", "请先重新分配 ROWS", _NAMES),
    RemedyAction.MANUAL: _texts("resolve ROWS", "请先处理 ROWS", _NAMES),
}

_EITHER = ("delete or reassign ROWS", "请先删除或重新分配 ROWS")
_FIRST = ("delete ROWS first", "请先删除 ROWS")

# by reason and variant; "orm": a relationship causes it; where there is no text for the variant, that of "" counts
_HINTS: Mapping[Key, tuple[str, str]] = {
    (Reason.FOREIGN_KEY, ""): _EITHER,
    (Reason.FOREIGN_KEY, "broken"): (
        "ask the developers: as the database is set up, it can't delete this",
        "请联系开发者：按数据库当前的设置无法删除",
    ),
    (Reason.NOT_NULL, ""): _EITHER,
    (Reason.NOT_NULL, "orm"): _FIRST,
    (Reason.PRIMARY_KEY, ""): _FIRST,
    (Reason.CHECK, ""): _EITHER,
    (Reason.UNIQUE, ""): _EITHER,
    (Reason.DEPTH, ""): (
        "delete ROWS first, the deepest ones before the others",
        "请先删除 ROWS，从最深的开始",
    ),
    (Reason.ORM, ""): (
        "ask the developers: as the application is set up, it can't delete this (ROWS)",
        "请联系开发者：按应用当前的设置无法删除（ROWS）",
    ),
    (Reason.RULE, ""): ("a rule forbids it: {relation}", "规则不允许删除：{relation}"),
}

# for support, which knows the tables
UNNAMED: Mapping[Key, Texts] = {key: _texts(*words) for key, words in _HINTS.items()}

# the same for the application's own users, who don't
PUBLIC: Mapping[Key, Texts] = {key: _texts(*words, _ENTRIES) for key, words in _HINTS.items()}

# what the developers have to change so that it never comes back; variants beyond those of the hints: "orm_cascade", over a
# foreign key that cascades; "set_null" and "set_default", the foreign key's action
ADVICE: Mapping[Key, Texts] = {
    (Reason.FOREIGN_KEY, "broken"): _texts("mend the schema: {broken}", "请修正数据库结构：{broken}"),
    (Reason.FOREIGN_KEY, "set_default"): _texts(
        "ON DELETE SET DEFAULT gives {columns} a value that no row has: add that row, or choose another action",
        "ON DELETE SET DEFAULT 给 {columns} 的值没有对应的行：请添加该行，或改用其他动作",
    ),
    (Reason.NOT_NULL, "set_null"): _texts(
        "ON DELETE SET NULL can't blank {columns}, which is NOT NULL: let it be null, or use ON DELETE CASCADE",
        "ON DELETE SET NULL 无法清空 NOT NULL 列 {columns}：请允许其为空，或改用 ON DELETE CASCADE",
    ),
    (Reason.NOT_NULL, "set_default"): _texts(
        "ON DELETE SET DEFAULT finds no default for {columns}, which is NOT NULL: add a server_default, "
        "or use ON DELETE CASCADE",
        "{columns} 为 NOT NULL 且没有默认值，ON DELETE SET DEFAULT 无法执行：请添加 server_default，"
        "或改用 ON DELETE CASCADE",
    ),
    (Reason.NOT_NULL, "orm"): _texts(
        "{relationship} blanks {columns}, which is NOT NULL: "
        'give it cascade="all, delete-orphan", or passive_deletes=True over ON DELETE CASCADE',
        "{relationship} 会清空 NOT NULL 列 {columns}："
        '请设置 cascade="all, delete-orphan"，或在 ON DELETE CASCADE 上设置 passive_deletes=True',
    ),
    (Reason.NOT_NULL, "orm_cascade"): _texts(
        "set passive_deletes=True on {relationship}, so that the database's ON DELETE CASCADE removes them; "
        'with cascade="all, delete-orphan" beside it also while they are loaded',
        "请在 {relationship} 上设置 passive_deletes=True，由数据库的 ON DELETE CASCADE 删除它们；"
        '同时设置 cascade="all, delete-orphan"，则已加载时也能删除',
    ),
    (Reason.PRIMARY_KEY, "orm"): _texts(
        "{relationship} would blank the primary key {columns}: "
        'give it cascade="all, delete-orphan", or passive_deletes=True over ON DELETE CASCADE',
        "{relationship} 会清空主键 {columns}："
        '请设置 cascade="all, delete-orphan"，或在 ON DELETE CASCADE 上设置 passive_deletes=True',
    ),
    (Reason.CHECK, ""): _texts(
        "without their reference the rows break the check {constraint}: use ON DELETE CASCADE, or relax the check",
        "失去引用后这些行会违反检查约束 {constraint}：请改用 ON DELETE CASCADE，或放宽该约束",
    ),
    (Reason.CHECK, "orm"): _texts(
        "{relationship} blanks the reference, and without it the rows break the check {constraint}: "
        'give it cascade="all, delete-orphan", or relax the check',
        "{relationship} 会清空引用，使这些行违反检查约束 {constraint}："
        '请设置 cascade="all, delete-orphan"，或放宽该约束',
    ),
    (Reason.UNIQUE, ""): _texts(
        "without their reference the rows break the unique constraint {constraint}: "
        "use ON DELETE CASCADE, or relax the constraint",
        "失去引用后这些行会违反唯一约束 {constraint}：请改用 ON DELETE CASCADE，或放宽该约束",
    ),
    (Reason.UNIQUE, "orm"): _texts(
        "{relationship} blanks the reference, and without it the rows break the unique constraint {constraint}: "
        'give it cascade="all, delete-orphan", or relax the constraint',
        "{relationship} 会清空引用，使这些行违反唯一约束 {constraint}："
        '请设置 cascade="all, delete-orphan"，或放宽该约束',
    ),
    (Reason.DEPTH, ""): _texts(
        "the cascade is deeper than the database allows: delete the lower part first, or break the chain of ON DELETE",
        "级联层数超过了数据库的限制：请先删除较深的部分，或断开 ON DELETE 的链条",
    ),
    (Reason.ORM, ""): _texts(
        "the objects to delete refer to each other in a circle: set post_update=True on one of its relationships",
        "要删除的对象相互引用，形成了环：请在其中一个关系上设置 post_update=True",
    ),
    (Reason.ORM, "orm"): _texts(
        "set passive_deletes=True on {relationship}, with an ON DELETE action on its foreign key, "
        "so that the ORM leaves its rows to the database",
        "请在 {relationship} 上设置 passive_deletes=True，并为其外键设置 ON DELETE 动作，由数据库处理这些行",
    ),
}
