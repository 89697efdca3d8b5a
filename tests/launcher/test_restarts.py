"""When a child that died is started again, and when that is no use any more."""

from __future__ import annotations

import pytest

from launcher.restarts import RestartPolicy


def test_the_first_death_is_forgiven_quickly_and_the_wait_doubles() -> None:
    policy = RestartPolicy()
    assert [policy.note_death(at) for at in (10, 11, 12, 13)] == [0.5, 1, 2, 4]


def test_the_fifth_death_within_a_minute_is_the_last() -> None:
    policy = RestartPolicy()
    for at in (0, 10, 20, 30):
        assert policy.note_death(at) is not None
    assert policy.note_death(59.9) is None


def test_a_death_a_minute_ago_is_forgotten() -> None:
    policy = RestartPolicy()
    for at in (0, 10, 20, 30):
        policy.note_death(at)
    assert policy.note_death(60) == 4


def test_a_child_that_lives_long_between_deaths_is_started_for_ever() -> None:
    policy = RestartPolicy()
    assert {policy.note_death(at) for at in range(0, 100_000, 61)} == {0.5}


@pytest.mark.parametrize(("deaths", "delay"), [(6, 8), (9, 8)])
def test_the_wait_has_a_limit(deaths: int, delay: float) -> None:
    policy = RestartPolicy(most_deaths=100)
    assert [policy.note_death(at) for at in range(deaths)][-1] == delay
