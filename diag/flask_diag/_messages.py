"""What we say to the application's own users, in English and Chinese.

The texts are true for everybody who may read them: they name no table, no constraint and no value. Applications
override them by overriding the template ``flask_diag/answer.html``.
"""

# ruff: noqa: RUF001  Chinese has punctuation of its own
from __future__ import annotations

from dataclasses import dataclass

from flask import current_app, has_request_context, request

from ._guard import guarded

DEFAULT = "en"


@dataclass(frozen=True, slots=True)
class Texts:
    """One language. ``{subject}`` is the subject's name as the policy or the class has it.

    Attributes:
        tag: for ``lang=`` and ``Content-Language``.
        titles: by the sort of answer.
        details: by the sort of answer.
    """

    tag: str
    titles: dict[str, str]
    details: dict[str, str]
    what_to_do: str
    go_there: str
    reference: str
    try_again: str


ENGLISH = Texts(
    tag="en",
    titles={
        "deletion-blocked": "{subject} cannot be deleted yet",
        "deletion-failed": "{subject} cannot be deleted",
        "outage": "The service is temporarily unavailable",
        "contention": "Too many changes at the same time",
        "unique": "It exists already",
        "reference": "Something else depends on it",
        "rule": "The change breaks a rule",
        "missing-value": "A required value is missing",
        "bad-value": "A value cannot be accepted",
        "defect": "Something went wrong on our side",
    },
    details={
        "deletion-blocked": "Nothing was changed. This is not an outage: clear what is listed, then delete again.",
        "deletion-failed": "Nothing was changed. This is not an outage: other data still depends on it.",
        "outage": "The database cannot be reached. Nothing is wrong with your request; it may be repeated later.",
        "contention": "Somebody else changed the same data. Nothing was changed; please try again.",
        "unique": "Nothing was changed: an entry with this value exists already.",
        "reference": "Nothing was changed: the change refers to data that does not exist, or that is still needed.",
        "rule": "Nothing was changed: the data does not allow this change.",
        "missing-value": "Nothing was changed: fill in what is required and send it again.",
        "bad-value": "Nothing was changed: a value is too long, out of range or malformed.",
        "defect": "The error has been recorded. Please tell us the reference number if it stays.",
    },
    what_to_do="What to do",
    go_there="Go there",
    reference="Reference",
    try_again="Try again in {seconds} seconds.",
)

CHINESE = Texts(
    tag="zh",
    titles={
        "deletion-blocked": "暂时无法删除{subject}",
        "deletion-failed": "无法删除{subject}",
        "outage": "服务暂时不可用",
        "contention": "同时进行的更改过多",
        "unique": "该内容已存在",
        "reference": "仍有其他内容依赖于它",
        "rule": "此更改违反了一条规则",
        "missing-value": "缺少必填的值",
        "bad-value": "有一个值无法接受",
        "defect": "我们这边出了问题",
    },
    details={
        "deletion-blocked": "没有做任何更改。这不是服务中断：请先处理下列项目，然后再次删除。",
        "deletion-failed": "没有做任何更改。这不是服务中断：仍有其他数据依赖于它。",
        "outage": "无法连接数据库。您的请求没有问题，请稍后再试。",
        "contention": "其他人同时更改了相同的数据。没有做任何更改，请重试。",
        "unique": "没有做任何更改：具有此值的条目已存在。",
        "reference": "没有做任何更改：此更改引用了不存在的数据，或者该数据仍被使用。",
        "rule": "没有做任何更改：数据不允许此更改。",
        "missing-value": "没有做任何更改：请填写必填项后重新提交。",
        "bad-value": "没有做任何更改：某个值过长、超出范围或格式不正确。",
        "defect": "错误已被记录。如果问题持续存在，请告诉我们参考编号。",
    },
    what_to_do="该怎么做",
    go_there="前往处理",
    reference="参考编号",
    try_again="请在 {seconds} 秒后重试。",
)

LANGUAGES = {texts.tag: texts for texts in (ENGLISH, CHINESE)}


def language() -> str:
    """Return the language for the current request, among ours; English outside of requests.

    It is that of Flask-Babel, where the application has it and we speak it; else what the client prefers.
    """
    if not has_request_context():
        return DEFAULT
    chosen = _language_of_host()
    if chosen in LANGUAGES:
        return chosen
    preferred = (tag.partition("-")[0].lower() for tag, quality in request.accept_languages if quality > 0)
    return next((tag for tag in preferred if tag in LANGUAGES), DEFAULT)  # zh-CN before en;q=0.5


def _language_of_host() -> str:
    """Return the language of Flask-Babel's locale, or an empty text. Its selector may fail as the database does."""
    found = current_app.extensions.get("babel")  # Flask-BabelPlus and others have that name, too
    if type(found).__module__.partition(".")[0] == "flask_babel":
        with guarded("asking Flask-Babel for the locale"):
            # imported here: it is the application's own
            from flask_babel import get_locale  # type: ignore[import-untyped]

            return str(getattr(get_locale(), "language", ""))
    return ""
