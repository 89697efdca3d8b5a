"""An address asks a list for what the list offers, and learns nothing from anything else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models.constants import LOOKUP_SEP
from django.test import Client, RequestFactory
from django.urls import reverse
from unfold.admin import ModelAdmin

from accounts.roles import VIEWER, make_groups
from admin_base.lists import StrictModelAdmin
from admin_base.site import RelayAdminSite
from capi_project.urls import admin  # whose import finds every list
from deliveries.models import Attempt, Delivery
from destinations.models import Source
from tests.deliveries.log_rows import make_rejected
from tests.factories import make_deliveries, make_destination, make_source

pytestmark = pytest.mark.django_db

LOOKUPS = (
    ("", "x"),
    ("exact", "x"),
    ("startswith", "a"),
    ("regex", "(a+)+$"),
    ("gt", "a"),
    ("in", "a,b"),
    ("isnull", "1"),
    ("contains", "a"),
    ("nonsense", "x"),
)
REGISTERED = list(admin.site._registry.values())


def field_paths(model: type[models.Model], hops: int = 2) -> Iterator[str]:
    """Every field of a model, forwards and backwards, and those behind its relations."""
    yield "pk"
    for field in model._meta.get_fields():
        name = field.name
        yield name
        if attname := getattr(field, "attname", ""):
            yield attname
        if field.is_relation and field.related_model and hops:
            for inner in field_paths(field.related_model, hops - 1):
                yield f"{name}{LOOKUP_SEP}{inner}"


def parameters_of(model: type[models.Model]) -> Iterator[tuple[str, str]]:
    for path in dict.fromkeys(field_paths(model)):
        for lookup, value in LOOKUPS:
            yield (f"{path}{LOOKUP_SEP}{lookup}" if lookup else path), value


def viewer() -> User:
    make_groups()
    user = User.objects.create_user("viewer", is_staff=True)
    user.groups.add(Group.objects.get(name=VIEWER))
    return user


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def changelist_url(model_admin: Any) -> str:
    opts = model_admin.opts
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")


@pytest.mark.parametrize("model_admin", REGISTERED, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("kind", ["superuser", "viewer"])
def test_no_list_answers_a_lookup_that_is_not_one_of_its_filters(
    model_admin: StrictModelAdmin, kind: str
) -> None:
    user = User.objects.create_superuser("root") if kind == "superuser" else viewer()
    url = changelist_url(model_admin)
    session = client_of(user).session
    count = 0
    for name, value in parameters_of(model_admin.model):
        request = RequestFactory().get(url, {name: value})
        request.user, request.session = user, session
        if name in model_admin.filter_parameters(request):
            continue
        with pytest.raises(DisallowedModelAdminLookup):
            model_admin.get_changelist_instance(request)
        count += 1
    assert count > 50


@pytest.mark.parametrize("model_admin", REGISTERED, ids=lambda one: type(one).__name__)
def test_a_link_with_such_a_lookup_leads_to_the_whole_list_whatever_it_asks(
    model_admin: StrictModelAdmin,
) -> None:
    url = changelist_url(model_admin)
    client = client_of(User.objects.create_superuser("root"))
    answers = set()
    for name, value in (
        ("pk", "1"),
        ("id__exact", "999999999"),
        ("id__regex", "(a+)+$"),
        ("nonsense__startswith", "x"),
        ("password", "x"),
        ("write_key__startswith", "w"),
        ("_to_field", "write_key"),
        ("_facets", "True"),
        ("_popup", "1"),
    ):
        response = client.get(url, {name: value})
        assert name not in response.headers.get("Location", "")
        answers.add((response.status_code, response.headers.get("Location")))
    assert answers == {(302, url)}
    page = client.get(url)
    assert page.status_code == 200
    assert "have a filter from the link." in page.content.decode()


def test_a_write_key_cannot_be_found_out_letter_by_letter() -> None:
    make_source(write_key="secret-key")
    client = client_of(viewer())
    url = reverse("admin:destinations_source_changelist")
    answers = set()
    for start in ("s", "t", "secret"):
        for lookup in ("write_key__startswith", "write_key__regex", "destinations__name__contains"):
            response = client.get(url, {lookup: start}, follow=True)
            answers.add(len(response.context["cl"].result_list))
    assert answers == {1}


def test_an_export_of_what_the_log_cannot_be_filtered_by_is_refused() -> None:
    make_rejected(make_destination())
    client = client_of(viewer())
    for name in ("error_message__contains", "event__message_id", "event__body__gt", "nonsense"):
        response = client.get("/admin/deliveries/delivery/export/csv/", {name: "N"})
        assert response.status_code == 400, name


def add_history() -> tuple[User, User]:
    people = User.objects.create_superuser("root"), User.objects.create_superuser("other")
    for user, model in zip(people, (Source, Delivery), strict=True):
        kind = ContentType.objects.get_for_model(model)
        LogEntry.objects.create(
            user=user, content_type=kind, action_flag=CHANGE, object_repr="Shop"
        )
    return people


def test_what_the_history_is_filtered_by_still_narrows_it() -> None:
    user, other = add_history()
    url = reverse("admin:admin_logentry_changelist")
    found = client_of(user).get(url, {"user__id__exact": other.pk}).context["cl"].result_list
    assert [entry.user_id for entry in found] == [other.pk]


@pytest.mark.parametrize(
    "query",
    ["user__id__exact=x", "content_type__id__exact=x", "action_time__gte=x", "e=1"],
)
def test_a_filter_that_cannot_be_read_does_not_blame_the_database(query: str) -> None:
    client = client_of(add_history()[0])
    page = client.get(f"{reverse('admin:admin_logentry_changelist')}?{query}", follow=True)
    assert page.status_code == 200
    assert "A filter in this link" in page.content.decode()
    assert "Database error" not in page.content.decode()


@pytest.mark.parametrize("model_admin", REGISTERED, ids=lambda one: type(one).__name__)
def test_an_order_shows_the_same_rows_by_what_the_list_shows(
    model_admin: StrictModelAdmin,
) -> None:
    make_rejected(make_destination())
    client = client_of(User.objects.create_superuser("root"))
    url = changelist_url(model_admin)
    wanted = {row.pk for row in client.get(url).context["cl"].result_list}
    hidden = {"password", "write_key", "conversion_token"}
    for order in ("0", "-1", "1.2", "5", "99", "-", "x", "write_key", "-password", "%00"):
        changes = client.get(f"{url}?o={order}").context["cl"]
        assert {row.pk for row in changes.result_list} == wanted
        by = {str(part).lstrip("-") for part in changes.queryset.query.order_by}
        assert not by & hidden


def test_a_link_fills_in_no_form() -> None:
    client = client_of(User.objects.create_superuser("root"))
    for model, name in (("source", "write_key"), ("destination", "advertiser_id")):
        url = reverse(f"admin:destinations_{model}_add")
        assert "known-elsewhere" not in client.get(url, {name: "known-elsewhere"}).content.decode()


@pytest.mark.parametrize("path", ["autocomplete/", "search/"])
def test_the_views_of_the_site_that_nothing_uses_find_nothing(path: str) -> None:
    (delivery,) = make_deliveries(make_destination())
    for user in (viewer(), User.objects.create_superuser("root")):
        response = client_of(user).get(
            f"/admin/{path}",
            {
                "app_label": Attempt._meta.app_label,
                "model_name": Attempt._meta.model_name,
                "field_name": "delivery",
                "term": delivery.event.message_id,
                "s": "del",
                "extended": "1",
                "page": "x",
            },
        )
        assert response.status_code == 404


def test_nobody_learns_whether_a_row_is_there_that_they_may_not_see() -> None:
    (delivery,) = make_deliveries(make_destination())
    client = client_of(User.objects.create_user("staff", is_staff=True))
    answers = {
        client.get(f"/admin/deliveries/delivery/{pk}/change/").status_code
        for pk in (delivery.pk, delivery.pk + 1000)
    }
    assert answers == {403}


def test_a_list_that_is_not_strict_fails_the_checks() -> None:
    site = RelayAdminSite("other")
    site.register(Delivery, StrictModelAdmin)
    assert "admin_base.E001" not in {error.id for error in site.check(None)}
    site.register(Source, ModelAdmin)
    assert "admin_base.E001" in {error.id for error in site.check(None)}
