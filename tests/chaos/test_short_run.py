"""A short chaos run with every test run; `bin/chaos` makes longer ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.chaos.chaos_run import run_chaos
from tests.chaos.servers import ServerMissing

pytestmark = [pytest.mark.postgres, pytest.mark.redis]


def test_every_event_that_got_a_200_survives_a_short_run(tmp_path: Path) -> None:
    log = tmp_path / "chaos.log"
    try:
        report = run_chaos(seed=7, seconds=16, events_per_second=100, drain_seconds=60, log=log)
    except ServerMissing as missing:
        if os.environ.get("REQUIRE_SERVICES") == "1":
            raise
        pytest.skip(str(missing))
    said = log.read_text(encoding="utf-8", errors="replace")[-4000:]
    assert report.violations == [], f"{report.as_text()}\n{said}"
    assert report.counts["lost"] == 0
    assert report.counts["accepted"] > 100
    assert report.counts["kills"] > 0
    assert report.counts["dead"] > 0
    ended = sum(report.counts[name] for name in ("delivered", "rejected", "dead", "filtered"))
    assert report.counts["filtered"] > 0  # identify calls, whose memory completed other events
    assert ended == report.counts["accepted"]
