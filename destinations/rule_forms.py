"""The forms behind a destination's event rules: rows as in the event map, checked as rules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext, gettext_lazy
from unfold.forms import PaginationInlineFormSet
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from destinations.models import EventRuleRow
from destinations.pinterest.rule_gate import (
    MAX_PATTERN,
    WITHOUT_VALUE,
    Condition,
    EventRule,
    RowError,
    RuleRow,
    problem_with,
    rules_of,
)

_PROBLEMS = {
    "path_missing": ("path", gettext_lazy("Enter a path, such as properties.total.")),
    "value_missing": ("value", gettext_lazy("Enter a value.")),
    "list_unreadable": (
        "value",
        gettext_lazy("Separate values with commas, and put one with a comma in double quotes."),
    ),
    "not_comparable": (
        "value",
        gettext_lazy("Enter a number or a time, such as 12.50 or 2026-05-01T10:00:00Z."),
    ),
    "pattern_too_long": (
        "value",
        gettext_lazy("This pattern is too long. Use up to %(number)s characters."),
    ),
    "pattern_invalid": (
        "value",
        gettext_lazy(
            "This pattern isn't valid or is too large. Lookaheads and backreferences aren't "
            "supported."
        ),
    ),
}
_TYPED = ("position", "path", "value")
_ROW_PROBLEMS = {
    "first": gettext_lazy(
        "A rule starts with “Don't send when” or “Send when”. This row has no rule above it."
    ),
    "mixed": gettext_lazy("A rule combines its rows with “and” or with “or”, not with both."),
}

if TYPE_CHECKING:
    _EventRuleForm = forms.ModelForm[EventRuleRow]
else:  # Django's takes no arguments
    _EventRuleForm = forms.ModelForm


class EventRuleForm(_EventRuleForm):
    """One row of the event rules."""

    position = forms.IntegerField(
        label=gettext_lazy("Row"),
        required=False,
        min_value=1,
        max_value=1000,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        help_text=EventRuleRow._meta.get_field("position").help_text,
    )

    class Meta:
        model = EventRuleRow
        fields = ("position", "action", "path", "operator", "value")
        help_texts = {
            "action": gettext_lazy("“… and” or “… or” adds a condition to the rule above."),
            "operator": gettext_lazy("Compares by the type of the event's value."),
        }
        widgets = {
            "action": UnfoldAdminSelectWidget,
            "operator": UnfoldAdminSelectWidget,
            "path": UnfoldAdminTextInputWidget(
                attrs={"placeholder": "properties.total", "autocomplete": "off"}
            ),
            "value": UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():  # the head of a column labels no field
            field.widget.attrs["aria-label"] = field.label

    def has_changed(self) -> bool:
        """Whether there is a row: a blank one has a choice in its two lists nevertheless."""
        if self.is_bound and not self.instance.pk:
            typed = (self.data.get(self.add_prefix(name)) for name in _TYPED)
            if not any(str(one).strip() for one in typed if one is not None):
                return False
        return bool(super().has_changed())

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if {"path", "operator", "value"} <= cleaned.keys():
            if cleaned["operator"] in WITHOUT_VALUE:
                cleaned["value"] = ""
            condition = Condition(cleaned["path"], cleaned["operator"], cleaned["value"])
            if problem := problem_with(condition):
                field, message = _PROBLEMS[problem]
                self.add_error(field, str(message) % {"number": MAX_PATTERN})
        return cleaned

    def _post_clean(self) -> None:
        # What has no number yet gets one with all the others.
        if "position" in self.cleaned_data:
            self.cleaned_data["position"] = self.cleaned_data["position"] or 0
        super()._post_clean()  # type: ignore[misc]  # Django's, and called by full_clean


class EventRuleFormSet(PaginationInlineFormSet):
    """All rows of a destination's event rules, which together have to be rules."""

    def clean(self) -> None:
        super().clean()
        rows = self.rows()
        if any(form.errors for form in rows):
            return
        try:
            self.rules()
        except RowError as error:
            rows[error.position].add_error("action", str(_ROW_PROBLEMS[error.problem]))

    def rows(self) -> list[Any]:
        """The forms of rows that stay, in their order: a new row goes before the one it numbers."""
        filled = [
            (number, form)
            for number, form in enumerate(self.forms)
            if (form.instance.pk or form.has_changed())
            and not (getattr(form, "cleaned_data", None) or {}).get("DELETE")
        ]

        def place(numbered: tuple[int, Any]) -> tuple[bool, int, bool, int]:
            number, form = numbered
            position = (getattr(form, "cleaned_data", None) or {}).get("position") or 0
            return position == 0, position, number < self.initial_form_count(), number

        return [form for _, form in sorted(filled, key=place)]

    def rules(self) -> tuple[EventRule, ...]:
        """The rules that valid rows make. Raises RowError."""
        return rules_of(
            RuleRow(
                data["action"], Condition(data["path"], data["operator"], data.get("value", ""))
            )
            for data in (form.cleaned_data for form in self.rows())
        )


def number_rows(rows: Iterable[EventRuleRow]) -> None:
    """Save the numbers 1, 2, … of rows that are in their order."""
    changed = []
    for position, row in enumerate(rows, start=1):
        if row.position != position:
            row.position = position
            changed.append(row)
    EventRuleRow.objects.bulk_update(changed, ["position"])


def say_problems(formset: EventRuleFormSet) -> list[str]:
    """What is wrong with which row, as sentences."""
    return [
        gettext("Event rules, row %(number)s: %(message)s") % {"number": number, "message": message}
        for number, form in enumerate(formset.forms, start=1)
        for messages in form.errors.values()
        for message in messages
    ]
