"""One person is forgotten at once, and nobody else."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from deliveries.identity.writing import forget_noted
from deliveries.models import Person
from destinations.routing import forget_routes
from tests.deliveries.identity.test_writing import identify, receive
from tests.factories import make_source

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def two_people(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("deliveries.ingest.store.wake", lambda ids: None)
    forget_noted()
    forget_routes()
    source = make_source(name="Shop")
    receive(source, [identify("u1", "ann@example.com"), identify("u2", "bob@example.com")])
    assert Person.objects.count() == 2
    return source


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("deliveries.management.commands.forget_person.getpass", lambda prompt: text)


def test_a_person_is_forgotten_and_remembered_when_they_come_again(
    two_people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, "u1")
    said = io.StringIO()
    call_command("forget_person", source="Shop", stdout=said)
    assert said.getvalue() == "Forgotten: 1\n"
    assert Person.objects.count() == 1
    receive(two_people, [identify("u1", "ann@example.com")])
    assert Person.objects.count() == 2


@pytest.mark.parametrize(
    ("source", "person", "says"),
    [
        ("Shop", "u3", "Nobody is known"),
        ("Shop", " ", "An ID is needed"),
        ("Other", "u1", "Sources: Shop"),
    ],
)
def test_a_mistake_is_said_and_nobody_is_forgotten(
    source: str, person: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, person)
    with pytest.raises(CommandError, match=says):
        call_command("forget_person", source=source)
    assert Person.objects.count() == 2
