"""What a person changed in a source or destination, before and after; a token never."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.db import models

SECRET_FIELDS = frozenset({"conversion_token", "write_key"})
MAX_SHOWN_CHARACTERS = 200


def describe_changes(form: forms.BaseForm, formsets: Iterable[Any]) -> list[dict[str, Any]]:
    """The saved form's changes, in the shape of Django's structured change messages.

    ``[{"changed": {"fields": ["Name: “A” → “B”", "Conversion token: replaced"]}}, …]``, and for
    the rows of formsets ``added``, ``changed`` and ``deleted`` with ``name`` and ``object``.
    """
    found: list[dict[str, Any]] = []
    if fields := _describe_fields(form):
        found.append({"changed": {"fields": fields}})
    for formset in formsets:
        name = str(formset.model._meta.verbose_name)
        changed_rows = {row.pk for row, _ in formset.changed_objects}
        found += [{"added": {"name": name, "object": str(row)}} for row in formset.new_objects]
        found += [
            {
                "changed": {
                    "name": name,
                    "object": str(row_form.instance),
                    "fields": _describe_fields(row_form),
                }
            }
            for row_form in formset.initial_forms
            if row_form.instance.pk in changed_rows
        ]
        found += [
            {"deleted": {"name": name, "object": str(row)}} for row in formset.deleted_objects
        ]
    return found


def _describe_fields(form: Any) -> list[str]:
    return [_describe_field(form, name) for name in form.changed_data if name in form.fields]


def _describe_field(form: Any, name: str) -> str:
    field = form.fields[name]
    label = str(field.label or name.replace("_", " "))
    label = label[:1].upper() + label[1:]
    if name == "remove_token":
        return "Conversion token: removed"
    if name in SECRET_FIELDS:
        return f"{label}: replaced"
    before = _say(form.get_initial_for_field(field, name), field)
    return f"{label}: {before} → {_say(form.cleaned_data.get(name), field)}"


def _say(value: Any, field: forms.Field) -> str:
    """A value as a person reads it: names of rows and choices, nothing as “–”."""
    if isinstance(field, forms.ModelMultipleChoiceField):
        rows = value if isinstance(value, models.QuerySet | list | tuple) else ()
        if any(isinstance(row, int) for row in rows):
            assert field.queryset is not None
            rows = field.queryset.filter(pk__in=rows)
        return ", ".join(sorted(f"“{row}”" for row in rows)) or "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if value in (None, ""):
        return "–"
    choices = dict(getattr(field, "choices", ()))
    text = str(choices.get(value, value))
    if len(text) > MAX_SHOWN_CHARACTERS:
        text = text[:MAX_SHOWN_CHARACTERS] + "…"
    return f"“{text}”"
