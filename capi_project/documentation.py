"""The documentation of the installed version as pages of the admin: docs/*.md and CHANGELOG.md.

They need no internet connection.
"""

from __future__ import annotations

import re
from functools import cache

from django.conf import settings
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify
from django.utils.translation import gettext_lazy
from markdown_it import MarkdownIt
from markdown_it.token import Token

from capi_project.version import BASE_DIR

PAGES = {
    "sdks": gettext_lazy("SDKs"),
    "mapping": gettext_lazy("Mapping"),
    "identity": gettext_lazy("Identity memory"),
    "consent": gettext_lazy("Consent and filters"),
    "errors": gettext_lazy("Error codes"),
    "alerts": gettext_lazy("Alerts"),
    "operations": gettext_lazy("Operations"),
    "monitoring": gettext_lazy("Monitoring"),
    "security": gettext_lazy("Security"),
    "architecture": gettext_lazy("How it works"),
    "glossary": gettext_lazy("Glossary"),
    "benchmarks": gettext_lazy("Benchmarks"),
    "changes": gettext_lazy("Changelog"),
}
"""Name in the URL → title, in the order of the footer."""
FILES = {name: BASE_DIR / "docs" / f"{name}.md" for name in PAGES} | {
    "changes": BASE_DIR / "CHANGELOG.md"
}
_TEST_CASES = re.compile(
    r" ?\((?:\[case\]\(\.\./tests/[^)]*\) ?)+\)| ?\[case\]\(\.\./tests/[^)]*\)"
)
_NAMES = {path.name: name for name, path in FILES.items()}


def footer(request: HttpRequest) -> dict[str, object]:
    """What the footer of every admin page shows (a context processor)."""
    return {
        "relay_version": settings.VERSION,
        "relay_commit": settings.COMMIT[:10],
        "documentation_pages": PAGES.items(),
    }


def documentation(request: HttpRequest, name: str) -> HttpResponse:
    """One page of it, for everybody who may sign in."""
    if name not in PAGES:
        raise Http404
    context = {
        **admin.site.each_context(request),
        "title": PAGES[name],
        "body": _html(name),
        "current": name,
    }
    return TemplateResponse(request, "admin/documentation.html", context)


@cache
def _html(name: str) -> SafeString:
    """Our own files, rendered with HTML in them turned off."""
    text = _TEST_CASES.sub("", FILES[name].read_text("utf-8"))
    markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    tokens = markdown.parse(text.partition("\n")[2])  # the page has its title
    for token, content in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "heading_open" and content is not None:
            token.attrSet("id", _anchor(content.content))
        if token.type in ("fence", "table_open"):
            token.attrSet("tabindex", "0")  # too wide for a phone: the keyboard scrolls it
        if token.children:
            token.children = _with_links_of_ours(token.children)
    return mark_safe(str(markdown.renderer.render(tokens, markdown.options, {})))


def _anchor(heading: str) -> str:
    """As GitHub makes it, whose anchors the files link to."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") or slugify(heading)


def _with_links_of_ours(tokens: list[Token]) -> list[Token]:
    """Links between the files lead to their pages; what has no page here is plain text."""
    kept: list[Token] = []
    dropped: list[bool] = []
    for token in tokens:
        if token.type == "link_open":
            href = _address(str(token.attrGet("href")))
            dropped.append(not href)
            token.attrSet("href", href)
        if token.type == "image" or (token.type.startswith("link_") and dropped[-1]):
            pass
        else:
            kept.append(token)
        if token.type == "link_close":
            dropped.pop()
    return kept


def _address(href: str) -> str:
    if href.startswith(("http://", "https://", "#")):
        return href
    path, _, anchor = href.partition("#")
    name = _NAMES.get(path.rpartition("/")[2])
    if name is None:
        return ""
    return reverse("documentation", args=[name]) + (f"#{anchor}" if anchor else "")
