"""What a person typed into a field that no form of Django reads."""

from __future__ import annotations

from django.http import HttpRequest


def typed_line(request: HttpRequest, name: str, most: int = 500) -> str:
    """The field's text, trimmed and at most so many characters; "" without it.

    Without NUL, which no browser sends and PostgreSQL stores in no text.
    """
    return request.POST.get(name, "").replace("\x00", "").strip()[:most]
