"""Who may do what: every page, button and action of the admin, for each group and for nobody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django.urls import NoReverseMatch, get_resolver, reverse
from django.utils import timezone

from accounts.roles import ADMINISTRATOR, OPERATOR, ROLES, VIEWER, make_groups
from deliveries.alerts.models import Alert, Channel
from deliveries.models import BulkAction, Refusal, SavedLink
from destinations.models import Destination, Source
from tests.deliveries.log_rows import make_rejected, settle
from tests.factories import make_deliveries, make_destination

pytestmark = pytest.mark.django_db

NOBODY = ""
LETTERS = {NOBODY: "N", VIEWER: "V", OPERATOR: "O", ADMINISTRATOR: "A"}
"""N: signed in as staff, in no group."""

ENTRY_POINTS: dict[str, str] = {
    "index": "NVOA",
    "password_change": "NVOA",
    "password_change_done": "NVOA",
    "jsi18n": "NVOA",
    "two_factor": "NVOA",  # everybody's own
    "two_factor_set_up": "NVOA",
    "documentation": "NVOA",
    "people": "VOA",
    "status": "A",
    "alerts": "VOA",
    "alert": "VOA",
    "alert_rules": "VOA",
    "alert_rule": "A",
    "alert_channels": "A",
    "alert_channel_add": "A",
    "alert_channel": "A",
    "destinations_destination_preview": "VOA",
    "destinations_destination_preview_new": "VOA",
    "destinations_destination_events": "VOA",
    "destinations_source_events": "VOA",
    "destinations_source_changelist": "VOA",
    "destinations_source_change": "VOA",
    "destinations_source_history": "VOA",
    "destinations_source_add": "A",
    "destinations_source_rotate": "A",
    "destinations_source_archive": "A",
    "destinations_source_unrouted": "VOA",
    "destinations_source_delete": "",  # only once it is archived
    "destinations_destination_changelist": "VOA",
    "destinations_destination_change": "VOA",
    "destinations_destination_history": "VOA",
    "destinations_destination_add": "A",
    "destinations_destination_archive": "A",
    "destinations_destination_delete": "",  # only once it is archived
    "deliveries_delivery_changelist": "VOA",
    "deliveries_delivery_change": "VOA",
    "deliveries_delivery_history": "VOA",
    "deliveries_delivery_export": "VOA",
    "deliveries_delivery_correct": "A",  # who may see what they change
    "deliveries_delivery_add": "",
    "deliveries_delivery_delete": "",
    "deliveries_batch_changelist": "VOA",
    "deliveries_batch_change": "VOA",
    "deliveries_batch_history": "VOA",
    "deliveries_batch_body": "VOA",
    "deliveries_batch_add": "",
    "deliveries_batch_delete": "",
    "deliveries_refusal_changelist": "VOA",
    "deliveries_refusal_change": "VOA",
    "deliveries_refusal_history": "VOA",
    "deliveries_refusal_add": "",
    "deliveries_refusal_delete": "",
    "auth_user_changelist": "A",
    "auth_user_add": "A",
    "auth_user_change": "A",
    "auth_user_history": "A",
    "auth_user_delete": "A",
    "auth_user_password_change": "A",
    "auth_user_two_factor_off": "A",
    "auth_group_changelist": "A",
    "auth_group_add": "A",
    "auth_group_change": "A",
    "auth_group_history": "A",
    "auth_group_delete": "A",
    "deliveries_bulkaction_changelist": "VOA",
    "deliveries_bulkaction_change": "VOA",
    "deliveries_bulkaction_history": "VOA",
    "deliveries_bulkaction_add": "",
    "deliveries_bulkaction_delete": "",
    "deliveries_bulkaction_ask": "OA",
    "admin_logentry_changelist": "A",
    "admin_logentry_change": "A",
    "admin_logentry_history": "A",
    "admin_logentry_add": "",
    "admin_logentry_delete": "",
    # Buttons: they answer to POST.
    "POST deliveries_delivery_retry": "OA",
    "POST deliveries_delivery_discard": "OA",
    "POST destinations_destination_pause": "OA",
    "POST destinations_destination_resume": "OA",
    "POST deliveries_savedlink_save": "VOA",
    "POST deliveries_savedlink_remove": "A",  # one that somebody else shared
    "POST deliveries_bulkaction_ask": "OA",
    "POST deliveries_bulkaction_cancel": "OA",
    "POST destinations_destination_events": "A",
    "POST destinations_destination_check": "A",
    "POST destinations_destination_check_new": "A",
    "POST destinations_destination_copy": "A",
    "POST destinations_destination_filtered": "A",
    "POST destinations_destination_filtered_new": "A",
    "POST destinations_source_rotate": "A",
    "POST destinations_source_end_key": "A",
    "POST destinations_source_restore": "A",
    "POST destinations_destination_restore": "A",
    "POST destinations_source_change": "A",
    "POST destinations_destination_change": "A",
    "POST destinations_source_add": "A",
    "POST destinations_destination_add": "A",
    "auth_user_link": "A",
    "POST auth_user_link": "A",
    "POST auth_user_add": "A",
    "POST auth_user_change": "A",
    "POST auth_user_two_factor_off": "A",
    "POST auth_group_change": "A",
    "POST alert_acknowledge": "OA",
    "POST alert_silence": "OA",
    "POST alert_end_silence": "OA",
    "POST alert_rule": "A",
    "POST alert_channel": "A",
    "POST alert_channel_test": "A",
    "POST alert_channel_delete": "A",
}
"""Entry point → who may use it. A page that is not listed here fails a test: say who may open
it."""

OPEN_TO_ALL = {"login", "login_code", "logout", "choose_password", "admin_password_reset"}
OUTSIDE_THE_SITE = (
    "two_factor",
    "two_factor_set_up",
    "documentation",
    "people",
    "status",
    "alerts",
    "alert",
    "alert_rules",
    "alert_rule",
    "alert_channels",
    "alert_channel_add",
    "alert_channel",
    "alert_acknowledge",
    "alert_silence",
    "alert_end_silence",
    "alert_channel_test",
    "alert_channel_delete",
)
"""Their names stand in no namespace."""
NO_PAGE = {"autocomplete", "search", "view_on_site", "app_list"}
"""Django's and django-unfold's own; nothing here leads to them, and the first two find nothing."""
WORDS_IN_ADDRESSES = {
    "deliveries_bulkaction_ask": "retry",
    "deliveries_delivery_export": "csv",
    "documentation": "operations",
    "alert_rule": "paused",
    "alert_channel_add": "slack",
}


MORE_ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "deliveries_batch_body": ("request",),
    "destinations_source_end_key": (1,),
}


def client_of(role: str) -> Client:
    make_groups()
    user = User.objects.create_user(f"somebody {role}", password="x", is_staff=True)
    if role:
        user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def rows() -> dict[str, Any]:
    destination = make_destination()
    sent = make_deliveries(destination)
    batch = settle(sent, [{"status": "failed", "error_message": "Invalid."}])
    source = destination.sources.get()
    refusal = Refusal.objects.create(source=source, code="not_json", message="No JSON.")
    return {
        "source": source,
        "destination": destination,
        "delivery": sent[0],
        "batch": batch,
        "refusal": refusal,
        "user": User.objects.create_user("other"),
        "group": Group.objects.create(name="Other"),
        "bulkaction": BulkAction.objects.create(
            verb="retry", selection={}, total_count=1, last_id=1
        ),
        "savedlink": SavedLink.objects.create(
            owner=User.objects.create_user("sharer"), name="x", query="status=dead", is_shared=True
        ),
        "alert": Alert.objects.create(
            condition="paused",
            subject=f"destination:{destination.pk}",
            destination=destination,
            severity="critical",
            since=timezone.now(),
            fired_at=timezone.now(),
            seen_at=timezone.now(),
        ),
        "channel": Channel.objects.create(name="Chat", kind="slack"),
        "logentry": LogEntry.objects.create(
            user=User.objects.create_user("writer"), action_flag=CHANGE, object_repr="x"
        ),
    }


def url_of(entry_point: str, rows: dict[str, Any]) -> str:
    name = entry_point.removeprefix("POST ")
    label = name if name in OUTSIDE_THE_SITE else f"admin:{name}"
    try:
        return reverse(label)
    except NoReverseMatch:
        pass
    if name in WORDS_IN_ADDRESSES:
        return reverse(label, args=[WORDS_IN_ADDRESSES[name]])
    app_model = [part for part in name.split("_") if part in rows]
    pk = rows[app_model[-1]].pk
    return reverse(label, args=[pk, *MORE_ARGUMENTS.get(name, ())])


def may_use(client: Client, entry_point: str, rows: dict[str, Any]) -> bool:
    url = url_of(entry_point, rows)
    response = client.post(url) if entry_point.startswith("POST") else client.get(url)
    assert response.status_code in (200, 302, 403), f"{entry_point}: {response.status_code}"
    if response.status_code == 302:
        assert "/login/" not in response["Location"], entry_point
    return response.status_code != 403


def test_no_entry_point_accepts_a_post_without_the_token_of_a_form(rows: dict[str, Any]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("root"))
    before = LogEntry.objects.count()
    urls = [url_of(entry_point, rows) for entry_point in ENTRY_POINTS]
    urls += [reverse("admin:login"), reverse("admin:logout"), reverse("login_code")]
    answers = {url: client.post(url, {"confirmed": "1"}).status_code for url in urls}
    assert {url: status for url, status in answers.items() if status != 403} == {}
    assert LogEntry.objects.count() == before


@pytest.mark.parametrize("role", LETTERS)
def test_every_entry_point_is_for_those_who_may_and_for_nobody_else(
    role: str, rows: dict[str, Any]
) -> None:
    client = client_of(role)
    wrong = [
        entry_point
        for entry_point, who in ENTRY_POINTS.items()
        if may_use(client, entry_point, rows) is not (LETTERS[role] in who)
    ]
    assert wrong == []


def test_nobody_passes_without_signing_in(rows: dict[str, Any]) -> None:
    client = Client()
    for entry_point in ENTRY_POINTS:
        url = url_of(entry_point, rows)
        response = client.post(url) if entry_point.startswith("POST") else client.get(url)
        assert response.status_code == 302, entry_point
        assert response["Location"].startswith("/admin/login/"), entry_point


def test_every_page_of_the_admin_is_in_the_table() -> None:
    listed = (
        {entry_point.removeprefix("POST ") for entry_point in ENTRY_POINTS} | OPEN_TO_ALL | NO_PAGE
    )
    assert set(names_below(get_resolver(), "")) - listed == set()


def names_below(resolver: Any, prefix: str) -> Iterator[str]:
    for pattern in resolver.url_patterns:
        path = prefix + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from names_below(pattern, path)
        elif path.startswith("admin/") and pattern.name:
            yield pattern.name


@pytest.mark.parametrize("role", LETTERS)
def test_only_operators_and_administrators_retry_what_they_ticked(role: str) -> None:
    delivery = make_rejected(make_destination())
    response = client_of(role).post(
        reverse("admin:deliveries_delivery_changelist"),
        {"action": "retry_selected", "_selected_action": [delivery.pk]},
    )
    delivery.refresh_from_db()
    assert (delivery.status == "pending") is (role in (OPERATOR, ADMINISTRATOR))
    assert (response.status_code == 403) is (role == NOBODY)


@pytest.mark.parametrize("role", LETTERS)
def test_only_operators_and_administrators_pause_and_resume(role: str) -> None:
    destination = make_destination()
    may = role in (OPERATOR, ADMINISTRATOR)
    client = client_of(role)
    client.post(reverse("admin:destinations_destination_pause", args=[destination.pk]))
    destination.refresh_from_db()
    assert (destination.paused_at is not None) is may
    Destination.objects.update(paused_at="2026-11-23T00:00Z")
    client.post(reverse("admin:destinations_destination_resume", args=[destination.pk]))
    destination.refresh_from_db()
    assert (destination.paused_at is None) is may


def test_an_operator_pauses_a_destination_and_cannot_edit_it() -> None:
    destination = make_destination(name="Shop", advertiser_id="1")
    client = client_of(OPERATOR)
    url = reverse("admin:destinations_destination_change", args=[destination.pk])
    page = client.get(url).content.decode()
    assert "/pause/" in page
    assert 'name="conversion_token"' not in page
    client.post(url, {"name": "Other", "conversion_token": "stolen", "advertiser_id": "2"})
    destination.refresh_from_db()
    assert (destination.name, destination.advertiser_id) == ("Shop", "1")
    assert destination.conversion_token.reveal() == "sandbox-token"


def test_a_viewer_is_offered_no_button_that_would_be_refused() -> None:
    destination = make_destination(paused_at="2026-11-23T00:00Z", paused_reason="x")
    delivery = make_rejected(destination)
    client = client_of(VIEWER)
    for url in (
        reverse("admin:destinations_destination_changelist"),
        reverse("admin:destinations_destination_change", args=[destination.pk]),
        reverse("admin:deliveries_delivery_changelist"),
        reverse("admin:deliveries_delivery_change", args=[delivery.pk]),
    ):
        page = client.get(url).content.decode()
        assert "/resume/" not in page, url
        assert "/retry/" not in page, url
        assert "retry_selected" not in page, url


def test_a_viewer_and_an_operator_never_see_a_write_key() -> None:
    source = Source.objects.create(name="Web", write_key="the-secret-write-key")
    for role in (VIEWER, OPERATOR):
        client = client_of(role)
        for url in ("changelist", "change", "history"):
            args = [] if url == "changelist" else [source.pk]
            page = client.get(reverse(f"admin:destinations_source_{url}", args=args))
            assert "the-secret-write-key" not in page.content.decode()


def test_the_groups_have_exactly_the_permissions_of_their_roles() -> None:
    make_groups()
    for name, wanted in ROLES.items():
        held = Group.objects.get(name=name).permissions.values_list(
            "content_type__app_label", "codename"
        )
        assert {f"{app}.{codename}" for app, codename in held} == wanted


def test_making_the_groups_again_leaves_what_somebody_changed() -> None:
    make_groups()
    Group.objects.get(name=VIEWER).permissions.clear()
    make_groups()
    assert not Group.objects.get(name=VIEWER).permissions.exists()
    assert Group.objects.filter(name__in=ROLES).count() == 3


def test_the_migration_makes_the_groups_where_no_permission_exists_yet() -> None:
    Group.objects.all().delete()
    Permission.objects.all().delete()
    state = MigrationExecutor(connection).loader.project_state(("capi_project", "0001_groups"))
    make_groups(state.apps)
    counts = {group.name: group.permissions.count() for group in Group.objects.all()}
    assert counts == {name: len(wanted) for name, wanted in ROLES.items()}
