"""An event is as large as its sender likes; a page that masks it takes no longer than that
explains."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from deliveries.admin.todays_conversion import _signed
from deliveries.privacy.known_values import (
    HIDDEN,
    LONGEST_CONTAINED,
    SHORTEST_CONTAINED,
    KnownValues,
)
from deliveries.privacy.masking import mask, mask_body, mask_text, personal_values
from tests.factories import make_deliveries, make_destination, make_event
from tests.security.growth import STEEPEST, growth


def many_values_and_sentences(count: int) -> Any:
    return {
        "traits": {f"k{number}": f"personal {number}" for number in range(count)},
        "list": [{"message": "It is 'odd'."} for _ in range(count)],
    }


def many_values_that_begin_alike(count: int) -> Any:
    return {
        "traits": {f"k{number}": "user-" + "x" * (number % 90) for number in range(count)},
        "event": "user-" * count,
    }


def one_long_value(count: int) -> Any:
    return {"traits": {"name": "a" * 4 * count + "b"}, "event": "a" * 8 * count}


def one_long_sentence(count: int) -> Any:
    return {"message": "a" * 10 * count}


def quotes(count: int) -> Any:
    return {"message": "'a\"“" * 3 * count}


def many_keys(count: int) -> Any:
    return {"properties": {f"{number}.aaaaaaaaaaaaaaaaaaaaaaa": "x" for number in range(count)}}


def numbers(count: int) -> Any:
    return {"traits": {"n": list(range(10_000, 10_000 + count))}, "event": "1" * 10 * count}


EVENTS = (
    many_values_and_sentences,
    many_values_that_begin_alike,
    one_long_value,
    one_long_sentence,
    quotes,
    many_keys,
    numbers,
)


@pytest.mark.parametrize("make", EVENTS, ids=lambda one: one.__name__)
def test_masking_takes_as_long_as_the_event_is_large(make: Callable[[int], Any]) -> None:
    small, large = make(1000), make(4000)
    assert growth(mask, small, large) <= STEEPEST
    body = orjson.dumps({"data": [small]}), orjson.dumps({"data": [large]})
    assert growth(mask_body, *body) <= STEEPEST


def test_what_is_known_of_many_people_is_found_in_a_sentence_as_fast() -> None:
    def find(size: int) -> str:
        known = KnownValues(f"user-{number:05}" for number in range(size))
        return mask_text("user-" * size, known)

    assert growth(find, 2000, 8000) <= STEEPEST


def test_comparing_two_large_conversions_is_bounded() -> None:
    def compare(count: int) -> Any:
        old = "\n".join(f'"id": "{number}"' for number in range(count))
        new = "\n".join(f'"id": "x{number}"' for number in range(count))
        return _signed(old, new)

    assert growth(compare, 2000, 8000) <= STEEPEST
    signs = [sign for sign, _ in compare(2000)]
    assert signs == ["-"] * 2000 + ["+"] * 2000


texts = st.text(alphabet="aAbBéÉİσςΣß1 -", max_size=40)


@given(st.lists(texts, max_size=6), texts, texts, texts)
def test_what_is_known_is_found_wherever_it_stands(
    others: list[str], before: str, value: str, after: str
) -> None:
    known = KnownValues([*others, value])
    text = before + value + after
    if len(value) >= SHORTEST_CONTAINED:
        assert known.holds(text)
        assert value not in known.without(text) or value in HIDDEN
        assert known.holds(text.swapcase()) or not text.isascii()


def test_of_a_long_value_nothing_is_left() -> None:
    long = "x" * 30 + "y" * LONGEST_CONTAINED + " Ginza 1-2-3"
    assert KnownValues([long]).without(f"at {long} and on") == f"at {HIDDEN}"
    assert KnownValues([long]).without(f"at {long[:LONGEST_CONTAINED]}") == f"at {HIDDEN}"
    assert KnownValues(["Alexander", "Alex"]).without("alexander") == HIDDEN
    assert KnownValues(["Alexander", "Alexa"]).without("to ALEXANDER!") == f"to {HIDDEN}!"


@pytest.mark.django_db
@pytest.mark.parametrize("make", EVENTS, ids=lambda one: one.__name__)
def test_a_viewer_opens_the_largest_events(make: Callable[[int], Any]) -> None:
    destination = make_destination()
    (delivery,) = make_deliveries(destination, events=[{**make_event(), **make(3000)}])
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(codename__in=["view_delivery", "view_destination"])
    )
    client = Client()
    client.force_login(user)
    preview = reverse("admin:destinations_destination_preview", args=[destination.pk])
    for url in (
        reverse("admin:deliveries_delivery_change", args=[delivery.pk]),
        f"{preview}?event={delivery.event_id}",
    ):
        assert client.get(url).status_code == 200, url


def test_values_of_several_things_are_known_together() -> None:
    known = personal_values({"userId": "alexander"}, {"traits": {"city": "Ginza"}})
    assert mask_text("alexander of ginza", known) == f"{HIDDEN} of {HIDDEN}"
