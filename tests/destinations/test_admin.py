"""Setting up sources and destinations in the browser."""

from __future__ import annotations

from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deliveries.models import Delivery
from destinations import routing
from destinations.event_purposes import EVENT_PURPOSES
from destinations.forms import EventMappingForm
from destinations.models import Destination, EventMapping, Source
from destinations.pinterest.event_names import STANDARD_NAMES
from destinations.rule_forms import EventRuleForm
from tests.factories import make_destination, make_source

SOURCES = "/admin/destinations/source/"
DESTINATIONS = "/admin/destinations/destination/"
NO_ROWS = {
    "event_mappings-TOTAL_FORMS": "0",
    "event_mappings-INITIAL_FORMS": "0",
    "event_mappings-MIN_NUM_FORMS": "0",
    "event_mappings-MAX_NUM_FORMS": "1000",
    "event_rules-TOTAL_FORMS": "0",
    "event_rules-INITIAL_FORMS": "0",
}

pytestmark = pytest.mark.django_db


def destination_form(**fields):
    return {
        "name": "Pinterest US",
        "service": "pinterest",
        "api_version": "v5",
        "advertiser_id": "549755885175",
        "conversion_token": "pina_secret_1",
        "default_action_source": "web",
        "unmapped_events": "by_name",
        "send_external_id": "on",
        "enabled": "on",
        **NO_ROWS,
        **fields,
    }


def _pinterest(**fields):
    return make_destination(service="pinterest", **fields)


def mapping_rows(*rows):
    form = {**NO_ROWS, "event_mappings-TOTAL_FORMS": str(len(rows))}
    for number, (mine, theirs) in enumerate(rows):
        form[f"event_mappings-{number}-source_event_name"] = mine
        form[f"event_mappings-{number}-pinterest_event_name"] = theirs
    return form


def errors_of(response):
    assert response.status_code == 200, "the form was accepted"
    return response.context["adminform"].form.errors


def test_a_destination_is_made_with_its_token_sealed_and_its_sources_joined(admin_client):
    source = make_source()
    response = admin_client.post(f"{DESTINATIONS}add/", destination_form(sources=[source.pk]))
    assert response.status_code == 302
    destination = Destination.objects.get()
    assert destination.conversion_token.reveal() == "pina_secret_1"
    assert list(destination.sources.all()) == [source]
    with connection.cursor() as cursor:
        cursor.execute("SELECT conversion_token FROM destinations_destination")
        assert "pina_secret_1" not in cursor.fetchone()[0]


@pytest.mark.parametrize(
    ("typed", "kept"), [("Germany", "DE"), ("de", "DE"), (" GB ", "GB"), ("", "")]
)
def test_the_default_country_is_a_code_however_it_is_typed(admin_client, typed, kept):
    response = admin_client.post(f"{DESTINATIONS}add/", destination_form(default_country=typed))
    assert response.status_code == 302
    destination = Destination.objects.get()
    assert destination.default_country == kept
    assert destination.transform_config().default_country == kept.lower()


def test_a_default_country_that_is_none_is_refused_with_words(admin_client):
    response = admin_client.post(
        f"{DESTINATIONS}add/", destination_form(default_country="Atlantis")
    )
    assert "a valid country." in errors_of(response)["default_country"][0]


def test_the_name_of_an_event_in_the_map_loses_what_nobody_sees(admin_client):
    rows = mapping_rows(("Quote\u00a0 Requested\u200b", "lead"))
    response = admin_client.post(f"{DESTINATIONS}add/", destination_form(**rows))
    assert response.status_code == 302
    assert EventMapping.objects.get().source_event_name == "Quote Requested"


def test_the_token_is_never_shown_again(admin_client):
    make_destination(conversion_token="pina_secret_1")
    destination = Destination.objects.get()
    for url in (f"{DESTINATIONS}{destination.pk}/change/", DESTINATIONS):
        page = admin_client.get(url).content.decode()
        assert "pina_secret_1" not in page
        assert destination.conversion_token.ciphertext not in page
    page = admin_client.get(f"{DESTINATIONS}{destination.pk}/change/").content.decode()
    assert "A token is set. Leave blank to keep it." in page
    assert 'type="password"' in page


def test_a_refused_form_does_not_repeat_the_token_that_was_typed(admin_client):
    response = admin_client.post(
        f"{DESTINATIONS}add/", destination_form(advertiser_id="not digits")
    )
    assert "advertiser_id" in errors_of(response)
    assert "pina_secret_1" not in response.content.decode()


def test_a_blank_token_keeps_the_old_one(admin_client):
    destination = _pinterest(name="US", conversion_token="pina_old")
    before = Destination.objects.get().conversion_token.ciphertext
    response = admin_client.post(
        f"{DESTINATIONS}{destination.pk}/change/",
        destination_form(name="New name", conversion_token=""),
    )
    assert response.status_code == 302
    destination.refresh_from_db()
    assert destination.name == "New name"
    assert destination.conversion_token.ciphertext == before


def test_a_new_token_replaces_the_old_one_and_the_history_does_not_tell_it(admin_client):
    destination = _pinterest(name="Pinterest US", conversion_token="pina_old")
    url = f"{DESTINATIONS}{destination.pk}"
    admin_client.post(f"{url}/change/", destination_form(conversion_token="pina_new"))
    destination.refresh_from_db()
    assert destination.conversion_token.reveal() == "pina_new"
    history = admin_client.get(f"{url}/history/").content.decode()
    assert "Conversion token" in history
    assert "pina_new" not in history


def test_v5_without_a_token_is_refused_with_where_to_find_one(admin_client):
    response = admin_client.post(f"{DESTINATIONS}add/", destination_form(conversion_token=""))
    assert "Ads Manager" in errors_of(response)["conversion_token"][0]
    assert not Destination.objects.exists()


@pytest.mark.parametrize("token", ["Bearer pina_1", "pina_1\nx", "pina_ü", "pina\u00a01"])
def test_a_token_that_cannot_be_one_is_refused(admin_client, token):
    response = admin_client.post(f"{DESTINATIONS}add/", destination_form(conversion_token=token))
    assert list(errors_of(response)) == ["conversion_token"]
    assert not Destination.objects.exists()


@pytest.mark.parametrize("number", ["54975588517x", "549 755", "1" * 19, "", "١٢٣"])
def test_an_advertiser_id_is_digits(admin_client, number):
    response = admin_client.post(f"{DESTINATIONS}add/", destination_form(advertiser_id=number))
    assert "advertiser_id" in errors_of(response)


def test_a_person_chooses_between_two_services_and_never_a_host(admin_client):
    response = admin_client.post(
        f"{DESTINATIONS}add/", destination_form(service="https://evil.example")
    )
    assert "service" in errors_of(response)
    page = admin_client.get(f"{DESTINATIONS}add/").content.decode()
    assert 'name="base_url"' not in page
    assert 'value="sandbox"' in page


def test_choosing_v3_says_that_it_is_legacy(admin_client):
    response = admin_client.post(
        f"{DESTINATIONS}add/",
        destination_form(api_version="v3", conversion_token=""),
        follow=True,
    )
    assert "API v3, a legacy version" in response.content.decode()
    page = admin_client.get(f"{DESTINATIONS}{Destination.objects.get().pk}/change/")
    assert "API v3 is a legacy version." in page.content.decode()


def test_the_event_map_takes_any_spelling_of_pinterests_names(admin_client):
    rows = mapping_rows(("Bought", "Checkout"), ("Seen", "watch video"), ("Own", "My_Event-1"))
    response = admin_client.post(f"{DESTINATIONS}add/", destination_form(**rows), follow=True)
    assert sorted(
        EventMapping.objects.values_list("source_event_name", "pinterest_event_name")
    ) == [("Bought", "checkout"), ("Own", "My_Event-1"), ("Seen", "watch_video")]
    messages = [str(message) for message in response.context["messages"]]
    assert any("aren't Pinterest standard events: My_Event-1." in text for text in messages)


def test_one_row_twice_in_the_event_map_is_refused(admin_client):
    rows = mapping_rows(("Bought", "checkout"), (" bought ", "checkout"))
    response = admin_client.post(f"{DESTINATIONS}add/", destination_form(**rows))
    assert response.status_code == 200
    assert "This mapping already exists." in response.content.decode()
    assert not EventMapping.objects.exists()


def test_a_pinterest_name_of_strange_characters_alone_is_refused(admin_client):
    response = admin_client.post(
        f"{DESTINATIONS}add/", destination_form(**mapping_rows(("Bought", "!!!")))
    )
    assert response.status_code == 200
    assert "Choose a name from the list" in response.content.decode()
    assert not Destination.objects.exists()


def test_the_22_names_are_offered_with_what_each_is_for(admin_client):
    page = admin_client.get(f"{DESTINATIONS}add/").content.decode()
    assert tuple(EVENT_PURPOSES) == STANDARD_NAMES
    for name, purpose in EVENT_PURPOSES.items():
        assert f'<option value="{name}">{purpose}</option>' in page
    assert 'list="pinterest-event-names"' in page


def test_every_field_of_a_destination_has_its_help_on_the_page(admin_client):
    response = admin_client.get(f"{DESTINATIONS}add/")
    page = unescape(response.content.decode())
    rules, rows = response.context["inline_admin_formsets"]
    fields = {
        **response.context["adminform"].form.fields,
        **{name: rows.formset.empty_form.fields[name] for name in EventMappingForm.Meta.fields},
        **{name: rules.formset.empty_form.fields[name] for name in EventRuleForm.Meta.fields},
    }
    assert {"name", "sources", "concurrency_limit", "pinterest_event_name"} <= fields.keys()
    helps = {name: str(field.help_text) for name, field in fields.items()}
    assert [name for name, text in helps.items() if not text or text not in page] == []


def test_a_field_that_was_left_out_says_where_to_find_what_belongs_there(admin_client):
    page = admin_client.post(f"{DESTINATIONS}add/", {}).content.decode()
    assert "Copy the number from the Ads Manager URL." in page
    assert "Enter a name, e.g. the shop." in page


def test_the_form_is_in_the_order_a_person_thinks(admin_client):
    page = admin_client.get(f"{DESTINATIONS}add/").content.decode()
    names = [
        'name="advertiser_id"',
        'name="conversion_token"',
        'name="unmapped_events"',
        'name="event_mappings-0-source_event_name"',
        'name="dedup_key"',
    ]
    positions = [page.index(name) for name in names]
    assert positions == sorted(positions)


@pytest.mark.django_db(transaction=True)
def test_a_saved_change_is_used_at_once(admin_client):
    source, destination = make_source(), _pinterest(name="Pinterest US", sources=[])
    assert routing.routes_for(source.write_key).routes == ()
    admin_client.post(
        f"{DESTINATIONS}{destination.pk}/change/",
        destination_form(sources=[source.pk], conversion_token=""),
    )
    (route,) = routing.routes_for(source.write_key).routes
    assert route.destination_id == destination.pk
    admin_client.post(
        f"{SOURCES}{source.pk}/change/",
        {"name": source.name, "enabled": "on", "identity_memory": "on"},
    )
    assert routing.routes_for(source.write_key).routes == ()


def test_a_new_source_gets_a_write_key_and_shows_how_to_connect(admin_client):
    destination = make_destination(sources=[])
    Source.objects.all().delete()
    page = admin_client.get(f"{SOURCES}add/").content.decode()
    key = page.split('name="write_key" value="', 1)[1].split('"', 1)[0]
    assert len(key) >= 27
    response = admin_client.post(
        f"{SOURCES}add/",
        {
            "name": "Shop",
            "enabled": "on",
            "identity_memory": "on",
            "write_key": key,
            "destinations": [destination.pk],
        },
        follow=True,
    )
    source = Source.objects.get()
    assert list(source.destinations.all()) == [destination]
    shown = response.content.decode()
    assert f'<code id="write-key">{key}</code>' in shown
    assert "http://testserver/v1/track" in shown
    assert f"{key}:" in shown


def test_the_ready_lines_know_host_scheme_and_prefix(admin_client, settings):
    settings.URL_PREFIX = "relay"
    settings.ALLOWED_HOSTS = ["events.example.com"]
    source = make_source(write_key="key-1")
    response = admin_client.get(
        f"{SOURCES}{source.pk}/change/", headers={"host": "events.example.com"}, secure=True
    )
    snippets = response.context["snippets"]
    assert "https://events.example.com/relay/v1/track" in snippets[0].code
    titles = [snippet.title for snippet in snippets]
    for sdk in (
        "curl",
        "RudderStack JavaScript",
        "RudderStack Python",
        "RudderStack Node",
        "Segment Python",
        "Segment Node",
    ):
        assert sdk in titles
    for snippet in snippets:
        assert "key-1" in snippet.code
        assert "events.example.com" in snippet.code


def test_the_key_cannot_be_edited_afterwards_but_rotated_after_a_question(admin_client):
    source = make_source(name="Shop", write_key="old-key")
    url = f"{SOURCES}{source.pk}"
    assert 'name="write_key"' not in admin_client.get(f"{url}/change/").content.decode()
    admin_client.post(f"{url}/change/", {"name": "Shop", "enabled": "on", "write_key": "typed"})
    source.refresh_from_db()
    assert source.write_key == "old-key"
    question = admin_client.get(f"{url}/rotate-key/").content.decode()
    assert "events sent with it are then rejected immediately" in question
    source.refresh_from_db()
    assert source.write_key == "old-key"
    response = admin_client.post(f"{url}/rotate-key/", {"keep": "0"}, follow=True)
    source.refresh_from_db()
    assert source.write_key not in ("old-key", "typed", "")
    assert source.write_key in response.content.decode()
    history = admin_client.get(f"{url}/history/").content.decode()
    assert "Write key rotated." in history
    assert "old-key" not in history


def test_who_may_only_look_sees_neither_key_nor_snippets_nor_buttons(viewer):
    source = make_source(write_key="very-secret-key")
    make_destination(sources=[source], conversion_token="pina_secret_1")
    destination = Destination.objects.get()
    for url in (SOURCES, f"{SOURCES}{source.pk}/change/"):
        assert "very-secret-key" not in viewer.get(url).content.decode()
    assert destination.name in viewer.get(f"{SOURCES}{source.pk}/change/").content.decode()
    page = viewer.get(f"{DESTINATIONS}{destination.pk}/change/")
    assert page.status_code == 200
    assert "A token is set." in page.content.decode()
    assert "Secret" not in page.content.decode()
    assert "pina_secret_1" not in page.content.decode()
    assert destination.conversion_token.ciphertext not in page.content.decode()
    assert "/pause/" not in page.content.decode()
    assert viewer.post(f"{SOURCES}{source.pk}/rotate-key/").status_code == 403
    source.refresh_from_db()
    assert source.write_key == "very-secret-key"


def test_nothing_is_deleted_because_the_log_points_to_it(admin_client):
    destination = make_destination()
    source = destination.sources.get()
    for url in (f"{DESTINATIONS}{destination.pk}", f"{SOURCES}{source.pk}"):
        assert admin_client.post(f"{url}/delete/", {"post": "yes"}).status_code == 403
    assert Destination.objects.exists()
    assert Source.objects.exists()


def test_the_lists_take_the_same_queries_however_many_rows_there_are(admin_client):
    make_destination()
    for url in (SOURCES, DESTINATIONS):
        with CaptureQueriesContext(connection) as few:
            admin_client.get(url)
        for _ in range(3):
            make_destination()
        with CaptureQueriesContext(connection) as many:
            admin_client.get(url)
        assert len(many) == len(few)


def test_the_home_page_leads_through_the_first_steps(admin_client):
    steps = admin_client.get("/admin/").context["steps"]
    assert [step["done"] for step in steps] == [False] * 5
    make_destination()
    steps = admin_client.get("/admin/").context["steps"]
    assert [step["done"] for step in steps] == [True, True, True, False, False]


def test_the_home_page_says_of_each_destination_how_it_goes(admin_client):
    make_destination(name="Off", enabled=False)
    make_destination(
        name="Stopped", paused_at=timezone.now(), paused_code="http_401", paused_reason="Bad token."
    )
    page = admin_client.get("/admin/").content.decode()
    assert "New events aren't queued for this destination." in unescape(page)
    assert "Bad token." in page
    assert "Paused</span>" in page


def test_the_home_page_never_reads_the_log_through(admin_client):
    make_destination()
    with CaptureQueriesContext(connection) as queries:
        admin_client.get("/admin/")
    table = Delivery._meta.db_table
    for query in queries:
        if f'FROM "{table}"' in query["sql"]:
            assert '"due_at" IS NOT NULL' in query["sql"] or "LIMIT" in query["sql"]


def test_nobody_sees_the_home_page_without_logging_in(client):
    for url in ("/admin/", "/admin"):
        response = client.get(url, follow=True)
        assert response.redirect_chain[-1][0].startswith("/admin/login/")
