"""The official SDKs, unmodified, over HTTP against the running server, up to Pinterest."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from typing import Any

import pytest

from tests import services
from tests.sdk.conducting import run_restart, run_together
from tests.sdk.kits import BROWSER_SDKS, SERVER_SDKS, Sdk
from tests.sdk.pages import CLICK_ID, VISITOR_ADDRESS
from tests.sdk.trials import Evidence, Scenario, StoredEvent, Trial
from tests.stack import Stack

pytestmark = pytest.mark.timeout(200)

NEEDS = {
    "python": (),
    "node": (pytest.mark.npm,),
    "browser": (pytest.mark.npm, pytest.mark.browser),
}
DELIVERED_TYPES = ("track", "page", "screen")


def each(sdks: tuple[Sdk, ...]) -> Any:
    return pytest.mark.parametrize(
        "sdk", [pytest.param(sdk, id=sdk.name, marks=NEEDS[sdk.language]) for sdk in sdks]
    )


each_sdk = each(SERVER_SDKS + BROWSER_SDKS)
each_sdk_that_sends_again = each(
    tuple(sdk for sdk in SERVER_SDKS + BROWSER_SDKS if sdk.sends_again)
)


@pytest.fixture(scope="session")
def sdks_here(request: pytest.FixtureRequest) -> list[Sdk]:
    """The SDKs of the tests that were chosen, as far as this machine can run them."""
    chosen = {
        item.callspec.params["sdk"].name
        for item in request.session.items
        if "sdk" in getattr(item, "callspec", _NO_PARAMETERS).params
    }
    able = {"python"}
    if services.npm_path():
        able |= {"node", "browser"} if services.browser_path() else {"node"}
    return [
        sdk for sdk in SERVER_SDKS + BROWSER_SDKS if sdk.name in chosen and sdk.language in able
    ]


class _NO_PARAMETERS:
    params: dict[str, Any] = {}


@pytest.fixture(scope="session")
def evidence(stack: Stack, sdks_here: list[Sdk]) -> Evidence:
    return run_together(stack, sdks_here)


@pytest.fixture(scope="session")
def restart_evidence(stack: Stack, sdks_here: list[Sdk]) -> Evidence:
    return run_restart(stack, sdks_here)


def finished(evidence: Evidence, sdk: Sdk, scenario: Scenario) -> Trial:
    trial = evidence.trials[sdk.name, scenario]
    assert not trial.mistake, f"{trial.mistake}\n{trial.output}"
    return trial


def assert_all_arrived_once(evidence: Evidence, trial: Trial) -> None:
    """Every call is one event; every deliverable event one conversion, none else."""
    stored = evidence.of(trial)
    assert Counter(event.type for event in stored) == trial.expected_types(trial.phases)
    names: Counter[str] = Counter()
    for event in stored:
        arrived = evidence.conversions.get(event.message_id, [])
        assert len(arrived) == (1 if event.type in DELIVERED_TYPES else 0), event
        names.update(conversion["event_name"] for conversion in arrived)
    assert names == trial.expected_names()


def orders(evidence: Evidence, trial: Trial) -> list[tuple[StoredEvent, dict[str, Any]]]:
    """The trial's own "Order Completed" events (not the snippet's), with their conversion."""
    return [
        (event, evidence.conversions[event.message_id][0])
        for event in evidence.of(trial)
        if event.type == "track" and event.event["properties"]["order_id"].startswith("user-of-")
    ]


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


@each_sdk
def test_every_call_arrives_at_pinterest_exactly_once(sdk: Sdk, evidence: Evidence) -> None:
    trial = finished(evidence, sdk, Scenario.PLAIN)
    assert_all_arrived_once(evidence, trial)
    assert evidence.of(trial)


@each_sdk
def test_an_order_becomes_the_right_conversion(sdk: Sdk, evidence: Evidence) -> None:
    trial = finished(evidence, sdk, Scenario.PLAIN)
    [(event, conversion)] = orders(evidence, trial)
    assert conversion["event_name"] == "checkout"
    assert conversion["event_id"] == event.message_id
    assert conversion["action_source"] == "web"
    assert conversion["user_data"]["em"] == [digest(trial.email)]
    assert conversion["user_data"]["external_id"] == [digest(trial.user)]
    assert conversion["custom_data"] == {
        "currency": "EUR",
        "value": "42.5",
        "order_id": f"{trial.user}-0",
        "num_items": 2,
        "content_ids": ["mug-1"],
        "contents": [{"id": "mug-1", "item_price": "21.25", "quantity": 2}],
    }


@each(BROWSER_SDKS)
def test_a_visitor_is_known_by_address_browser_and_click(sdk: Sdk, evidence: Evidence) -> None:
    trial = finished(evidence, sdk, Scenario.PLAIN)
    for event in evidence.of(trial):
        for conversion in evidence.conversions.get(event.message_id, []):
            user_data = conversion["user_data"]
            assert user_data["client_ip_address"] == VISITOR_ADDRESS
            assert "Chrome" in user_data["client_user_agent"]
            assert user_data["click_id"] == CLICK_ID
            assert conversion["event_source_url"].startswith(f"http://{trial.slug}.localhost:")


@each(BROWSER_SDKS)
def test_a_page_speaks_to_its_shop_and_the_relay_only(sdk: Sdk, evidence: Evidence) -> None:
    trial = finished(evidence, sdk, Scenario.PLAIN)
    shop = f"http://{trial.slug}.localhost:"
    spoken_to = {origin for _, origin, _ in trial.requested}
    assert {origin for origin in spoken_to if not origin.startswith(shop)} == {
        trial.front.server_url
    }
    assert trial.output == "", "the page had errors"


@each(BROWSER_SDKS)
def test_a_browser_sends_by_the_transport_it_was_told_to_use(sdk: Sdk, evidence: Evidence) -> None:
    trial = finished(evidence, sdk, Scenario.PLAIN)
    posted = {path for method, _, path in trial.requested if method == "POST"}
    assert posted == set(sdk.posts_to)


@each(SERVER_SDKS)
def test_a_server_sends_batches_packed_or_plain_as_it_was_told(
    sdk: Sdk, evidence: Evidence
) -> None:
    trial = finished(evidence, sdk, Scenario.ANSWER_LOST)
    seen = {
        (exchange.path, exchange.headers.get("content-encoding", ""))
        for exchange in trial.front.exchanges
    }
    assert seen == {("/v1/batch", "gzip" if sdk.packs else "")}


@each_sdk
def test_a_wrong_write_key_stores_nothing_and_is_not_tried_without_end(
    sdk: Sdk, evidence: Evidence
) -> None:
    trial = finished(evidence, sdk, Scenario.WRONG_KEY)
    assert not [event for event in evidence.stored if trial.email in str(event.event)]
    statuses = trial.front.statuses
    assert set(statuses) <= {401}
    if sdk.language != "browser":
        assert len(statuses) == 2 * sdk.tries_with_wrong_key, "the snippet's flush and ours"
    elif sdk.snippet.startswith("rudderstack"):
        assert statuses == [], "without its configuration the SDK does not start"
    else:
        assert 1 <= len(statuses) <= trial.expected_types(1).total()


@each_sdk_that_sends_again
def test_a_429_is_waited_out_and_nothing_is_lost_or_doubled(sdk: Sdk, evidence: Evidence) -> None:
    trial = finished(evidence, sdk, Scenario.TOO_MANY_REQUESTS)
    assert trial.front.statuses.count(429) == 1
    assert_all_arrived_once(evidence, trial)


@each_sdk_that_sends_again
def test_an_answer_lost_on_the_way_makes_no_second_event(sdk: Sdk, evidence: Evidence) -> None:
    trial = finished(evidence, sdk, Scenario.ANSWER_LOST)
    assert trial.front.statuses.count(0) == 1
    assert_all_arrived_once(evidence, trial)


@each_sdk_that_sends_again
def test_a_killed_and_restarted_web_server_loses_and_doubles_nothing(
    sdk: Sdk, restart_evidence: Evidence
) -> None:
    trial = finished(restart_evidence, sdk, Scenario.RESTART)
    assert 0 in trial.front.statuses
    assert_all_arrived_once(restart_evidence, trial)
    ids = sorted(event["order_id"] for event in map(_order, orders(restart_evidence, trial)))
    assert ids == [f"{trial.user}-0", f"{trial.user}-1"]


def _order(found: tuple[StoredEvent, dict[str, Any]]) -> dict[str, Any]:
    return found[1]["custom_data"]
