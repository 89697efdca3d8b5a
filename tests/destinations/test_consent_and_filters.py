"""Setting up consent and filters in the browser: consent, event list, bots, and the rows of event
rules."""

from __future__ import annotations

from html import unescape

import pytest

from destinations.models import Destination, EventRuleRow
from tests.destinations.test_admin import DESTINATIONS, destination_form, errors_of
from tests.factories import make_destination

pytestmark = pytest.mark.django_db


def rule_rows(*rows, initial=()):
    form = {
        "event_rules-TOTAL_FORMS": str(len(rows)),
        "event_rules-INITIAL_FORMS": str(len(initial)),
    }
    for number, row in enumerate(rows):
        names = ("position", "action", "path", "operator", "value")
        form |= {f"event_rules-{number}-{name}": one for name, one in zip(names, row, strict=True)}
    for number, pk in enumerate(initial):
        form[f"event_rules-{number}-id"] = pk
    return form


def saved_rules():
    return [
        (row.position, row.action, row.path, row.operator, row.value)
        for row in EventRuleRow.objects.all()
    ]


def test_event_rules_are_saved_in_order_and_a_row_can_be_put_between(admin_client):
    rows = rule_rows(
        ("", "block", " properties.total ", "lt", "5"),
        ("", "and", "properties.coupon", "exists", "left over"),
        ("", "block", " ", "is", ""),  # as a browser posts a row that nobody touched
    )
    assert admin_client.post(f"{DESTINATIONS}add/", destination_form(**rows)).status_code == 302
    assert saved_rules() == [
        (1, "block", "properties.total", "lt", "5"),
        (2, "and", "properties.coupon", "exists", ""),
    ]
    destination = Destination.objects.get()
    first, second = EventRuleRow.objects.values_list("pk", flat=True)
    rows = rule_rows(
        ("1", "block", "properties.total", "lt", "6"),
        ("2", "and", "properties.coupon", "exists", ""),
        ("1", "send", "event", "is", "Order Completed"),
        initial=(first, second),
    )
    url = f"{DESTINATIONS}{destination.pk}/change/"
    assert admin_client.post(url, destination_form(**rows)).status_code == 302
    assert saved_rules() == [
        (1, "send", "event", "is", "Order Completed"),
        (2, "block", "properties.total", "lt", "6"),
        (3, "and", "properties.coupon", "exists", ""),
    ]
    config = Destination.objects.get().transform_config()
    assert [(rule.sends, rule.any_of, len(rule.conditions)) for rule in config.event_rules] == [
        (True, False, 1),
        (False, False, 2),
    ]
    history = admin_client.get(f"{DESTINATIONS}{destination.pk}/history/").content.decode()
    assert "is less than" in unescape(history)


@pytest.mark.parametrize(
    ("rows", "row", "field", "said"),
    [
        ([("", "and", "event", "is", "x")], 0, "action", "This row has no rule above it."),
        (
            [
                ("", "block", "event", "is", "x"),
                ("", "and", "event", "is", "y"),
                ("", "or", "event", "is", "z"),
            ],
            2,
            "action",
            "not with both",
        ),
        ([("", "block", "event", "matches", "(a")], 0, "value", "This pattern isn't valid"),
        ([("", "block", "event", "matches", "a" * 500)], 0, "", ""),
        ([("", "block", "...", "is", "x")], 0, "path", "Enter a path"),
        ([("", "block", "event", "gt", "x")], 0, "value", "Enter a number or a time"),
    ],
)
def test_event_rules_are_checked_when_they_are_saved(admin_client, rows, row, field, said):
    response = admin_client.post(f"{DESTINATIONS}add/", destination_form(**rule_rows(*rows)))
    if not said:
        assert response.status_code == 302
        return
    assert response.status_code == 200
    rules, _ = response.context["inline_admin_formsets"]
    assert said in rules.formset.forms[row].errors[field][0]
    assert not Destination.objects.exists()


@pytest.mark.parametrize(
    ("fields", "name", "said"),
    [
        (
            {"consent_categories": "oneTrust: C0002\nC0004"},
            "consent_categories",
            "Line 2 isn't a provider, a colon and IDs",
        ),
        ({"event_list": "allow", "listed_events": " \n"}, "listed_events", "Enter event names"),
    ],
)
def test_settings_of_consent_and_filters_are_checked_when_they_are_saved(
    admin_client, fields, name, said
):
    response = admin_client.post(f"{DESTINATIONS}add/", destination_form(**fields))
    assert said in errors_of(response)[name][0]


def test_a_new_destination_sends_no_bots_and_a_form_without_the_choice_changes_nothing(
    admin_client,
):
    admin_client.post(f"{DESTINATIONS}add/", destination_form(listed_events=" A\u200b \nA\n\nB"))
    destination = Destination.objects.get()
    assert (destination.bots, destination.consent_mode) == ("filter", "off")
    assert destination.listed_events == "A\nB"
    url = f"{DESTINATIONS}{destination.pk}/change/"
    admin_client.post(url, destination_form(bots="send", consent_mode="strict"))
    admin_client.post(url, destination_form())
    destination.refresh_from_db()
    assert (destination.bots, destination.consent_mode) == ("send", "strict")


def test_a_copy_has_the_event_rules(admin_client):
    destination = make_destination()
    EventRuleRow.objects.create(
        destination=destination, position=1, action="block", path="event", operator="is", value="x"
    )
    admin_client.post(f"{DESTINATIONS}{destination.pk}/copy/")
    copy = Destination.objects.exclude(pk=destination.pk).get()
    assert copy.transform_config().event_rules == destination.transform_config().event_rules
    assert copy.event_rules.count() == destination.event_rules.count() == 1
