"""A short storm with every test run; `bin/chaos` blows longer ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.chaos.servers import ServerMissing
from tests.chaos.storm import run_storm

pytestmark = [pytest.mark.postgres, pytest.mark.redis]


def test_every_event_that_got_a_200_survives_a_short_storm(tmp_path: Path) -> None:
    log = tmp_path / "storm.log"
    try:
        verdict = run_storm(seed=7, seconds=16, events_per_second=100, drain_seconds=60, log=log)
    except ServerMissing as missing:
        if os.environ.get("REQUIRE_SERVICES") == "1":
            raise
        pytest.skip(str(missing))
    said = log.read_text(encoding="utf-8", errors="replace")[-4000:]
    assert verdict.violations == [], f"{verdict.report()}\n{said}"
    assert verdict.counts["lost"] == 0
    assert verdict.counts["accepted"] > 100
    assert verdict.counts["kills"] > 0
    assert verdict.counts["dead"] > 0
    ended = sum(verdict.counts[name] for name in ("delivered", "rejected", "dead"))
    assert ended == verdict.counts["accepted"]
