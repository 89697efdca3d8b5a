"""RudderStack's destinations, imported."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from destinations.models import Destination, EventMapping, Source

pytestmark = pytest.mark.django_db

CONFIG: dict[str, Any] = {
    "apiVersion": "newApi",
    "adAccountId": "549755885175",
    "conversionToken": "pina_secret_token",
    "appId": "429047995",
    "deduplicationKey": "properties.order_id",
    "sendAsTestEvent": True,
    "sendExternalId": True,
    "sendAsCustomEvent": True,
    "sendingUnHashedData": True,
    "tagId": "123",
    "eventsMapping": [
        {"from": "Lead Won", "to": "Lead"},
        {"from": "Lead Won", "to": "Signup"},
        {"from": "", "to": "Lead"},
    ],
}


def wrapped(name: str = "Shop", **fields: Any) -> dict[str, Any]:
    return {
        "id": f"id-{name}",
        "name": name,
        "enabled": True,
        "destinationDefinition": {"name": "PINTEREST_TAG"},
        "config": CONFIG,
        **fields,
    }


def run(tmp_path: Path, content: Any, *arguments: str) -> str:
    path = tmp_path / "export.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    out = io.StringIO()
    call_command("import_rudderstack", str(path), *arguments, stdout=out)
    return out.getvalue()


def test_every_setting_of_a_config_is_imported_or_explained(tmp_path: Path) -> None:
    out = run(tmp_path, wrapped())
    destination = Destination.objects.get()
    assert (destination.name, destination.service) == ("Shop", "pinterest")
    assert (destination.api_version, destination.advertiser_id) == ("v5", "549755885175")
    assert destination.conversion_token.reveal() == "pina_secret_token"
    assert (destination.app_id, destination.dedup_key) == ("429047995", "properties.order_id")
    assert (destination.test_mode, destination.send_external_id) == (True, True)
    assert destination.unmapped_events == "as_custom"
    assert list(
        destination.event_mappings.values_list("source_event_name", "pinterest_event_name")
    ) == [("Lead Won", "lead"), ("Lead Won", "signup")]
    assert "Shop: created" in out
    assert "tagId is ignored" in out
    assert "Row 3 of eventsMapping was omitted" in out
    assert "1 created, 0 unchanged, 0 skipped" in out
    assert "pina_secret_token" not in out


def test_running_it_twice_changes_nothing(tmp_path: Path) -> None:
    run(tmp_path, wrapped())
    Destination.objects.update(app_id="changed by a person")
    out = run(tmp_path, wrapped())
    assert "0 created, 1 unchanged, 0 skipped" in out
    assert Destination.objects.get().app_id == "changed by a person"
    assert EventMapping.objects.count() == 2


def test_a_dry_run_says_the_same_and_changes_nothing(tmp_path: Path) -> None:
    out = run(tmp_path, wrapped(), "--dry-run")
    assert "Shop: created" in out
    assert "no changes made" in out
    assert not Destination.objects.exists()


def test_a_bare_config_gets_a_name_from_its_account(tmp_path: Path) -> None:
    run(tmp_path, CONFIG)
    assert Destination.objects.get().name == "Pinterest 549755885175"


def test_a_list_becomes_several_destinations(tmp_path: Path) -> None:
    run(tmp_path, [wrapped("A"), wrapped("B"), {**CONFIG, "adAccountId": "7"}])
    assert list(Destination.objects.values_list("name", flat=True)) == ["A", "B", "Pinterest 7"]


def test_a_workspace_export_brings_its_sources_with_their_write_keys(tmp_path: Path) -> None:
    shared = wrapped("Shared")
    out = run(
        tmp_path,
        {
            "workspaceId": "w",
            "sources": [
                {"name": "Web", "writeKey": "web-key", "enabled": True, "destinations": [shared]},
                {
                    "name": "App",
                    "writeKey": "app-key",
                    "enabled": False,
                    "destinations": [
                        shared,
                        wrapped("Analytics", destinationDefinition={"name": "GA4"}),
                    ],
                },
                {"name": "Unused", "writeKey": "unused", "destinations": []},
            ],
        },
    )
    destination = Destination.objects.get()
    assert list(destination.sources.values_list("name", "write_key", "enabled")) == [
        ("App", "app-key", False),
        ("Web", "web-key", True),
    ]
    assert Source.objects.count() == 2
    assert "Analytics: skipped" in out
    assert "Not imported: it's a GA4 destination." in out


def test_an_export_with_connections_links_what_is_connected(tmp_path: Path) -> None:
    Source.objects.create(name="Web here", write_key="web-key")
    run(
        tmp_path,
        {
            "sources": [
                {"id": "s1", "name": "Web", "writeKey": "web-key"},
                {"id": "s2", "name": "App", "writeKey": "app-key"},
            ],
            "destinations": [wrapped()],
            "connections": [
                {"sourceId": "s1", "destinationId": "id-Shop", "enabled": True},
                {"sourceId": "s2", "destinationId": "id-Shop", "enabled": False},
            ],
        },
    )
    assert list(Destination.objects.get().sources.values_list("name", flat=True)) == ["Web here"]
    assert Source.objects.count() == 1


def test_a_destination_without_token_comes_switched_off(tmp_path: Path) -> None:
    out = run(tmp_path, wrapped(config={**CONFIG, "conversionToken": ""}))
    assert Destination.objects.get().enabled is False
    assert "Enter its conversion token" in out


def test_a_destination_that_could_not_work_is_skipped_with_the_reason(tmp_path: Path) -> None:
    out = run(tmp_path, wrapped(config={**CONFIG, "adAccountId": "abc", "advertiserId": ""}))
    assert not Destination.objects.exists()
    assert "Shop: skipped" in out
    assert "advertiser ID: Use digits only" in out


@pytest.mark.parametrize("content", [[], {"hello": "world"}, 7, "text", [[1]]])
def test_something_else_is_refused_with_a_sentence_or_does_nothing(
    tmp_path: Path, content: Any
) -> None:
    if content == []:
        assert "0 created" in run(tmp_path, content)
        return
    with pytest.raises(CommandError, match="Expected"):
        run(tmp_path, content)
    assert not Destination.objects.exists()


def test_a_file_that_is_no_json_or_not_there_gives_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    with pytest.raises(CommandError, match="isn't valid JSON"):
        call_command("import_rudderstack", str(tmp_path / "broken.json"))
    with pytest.raises(CommandError, match="can't be read"):
        call_command("import_rudderstack", str(tmp_path / "missing.json"))


@pytest.mark.parametrize("sign", ["\x00", "\x1b[2J", "x" * 300])
def test_signs_that_nobody_types_break_no_import_wherever_they_are(
    tmp_path: Path, sign: str
) -> None:
    dirty = {
        f"a{sign}b": "x",
        **CONFIG,
        "appId": f"{sign[:1]}429047995",
        "deduplicationKey": f"properties.{sign[:1]}order_id",
        "eventsMapping": [
            {"from": f"Lead{sign}", "to": "Lead"},
            {"from": "Deal", "to": f"Own{sign}"},
            {f"from{sign}": "Lead", f"to{sign}": "Lead"},
            {"from": "Order", "to": "Checkout"},
        ],
    }
    destination = wrapped(name="Shop", config=dirty, **{f"own{sign}": "x"})
    sources = [
        {"name": f"Web{sign}", "writeKey": "good-key", "destinations": [destination]},
        {"name": "App", "writeKey": f"bad{sign}", "destinations": [destination]},
        {"name": "Blank", "writeKey": "ok-key", "destinations": [destination], f"k{sign}": 1},
    ]
    out = run(tmp_path, {f"version{sign}": "1", "sources": sources})
    assert "1 created, 0 unchanged, 0 skipped" in out
    assert {"\x00", "\x1b"}.isdisjoint(out)
    assert "Source “App” wasn't imported: write key: " in out
    assert "is ignored: unknown setting." in out
    created = Destination.objects.get()
    assert "ok-key" in created.sources.values_list("write_key", flat=True)
    assert not Source.objects.filter(write_key__startswith="bad").exists()
    assert created.event_mappings.filter(source_event_name="Order").exists()


@pytest.mark.parametrize("sign", ["\x00", "\x1b[2J"])
def test_a_name_is_imported_as_a_reader_sees_it(tmp_path: Path, sign: str) -> None:
    run(tmp_path, wrapped(name=f"Sh{sign[0]}op"))
    assert Destination.objects.get().name == "Shop"
