"""Runs all trials at once: programs in threads, all browser pages in one Chromium."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from threading import Barrier, BrokenBarrierError

from playwright.sync_api import Error as BrowserError

from tests.sdk.front import Fault, Front, open_front
from tests.sdk.install import InstallationFailed, bundle, install_npm_sdks, install_python_sdk
from tests.sdk.kits import Sdk
from tests.sdk.pages import Visit, open_chromium, open_shop
from tests.sdk.programs import Program, ProgramFailed
from tests.sdk.trials import FAULTS, Evidence, Relay, Scenario, Trial
from tests.stack import Stack

PROGRAMS_AT_ONCE = 6
STEP_SECONDS = 60.0
MISTAKES = (AssertionError, BrowserError, BrokenBarrierError, InstallationFailed, ProgramFailed)

TOGETHER = (
    Scenario.PLAIN,
    Scenario.WRONG_KEY,
    Scenario.TOO_MANY_REQUESTS,
    Scenario.ANSWER_LOST,
)


def run_together(
    stack: Stack, sdks: list[Sdk], scenarios: tuple[Scenario, ...] = TOGETHER
) -> Evidence:
    """Every scenario but the restart, all at the same time."""
    with _prepare(stack, sdks, scenarios) as (relay, trials):
        programs, pages = _split(trials)
        with ThreadPoolExecutor(PROGRAMS_AT_ONCE + 1) as pool:
            browsing = pool.submit(_browse, relay, pages, None)
            for running in [pool.submit(_run_program, trial, None) for trial in programs]:
                running.result()
            browsing.result()
        return relay.gather(trials)


def run_restart(stack: Stack, sdks: list[Sdk]) -> Evidence:
    """Kill the web server when all have sent once; start it when all have found it gone."""
    able = [sdk for sdk in sdks if sdk.sends_again]
    with _prepare(stack, able, (Scenario.RESTART,)) as (relay, trials):
        programs, pages = _split(trials)
        steps = Barrier(len(programs) + (1 if pages else 0) + 1, timeout=STEP_SECONDS)
        with ThreadPoolExecutor(steps.parties) as pool:
            running = [pool.submit(_run_program, trial, steps) for trial in programs]
            if pages:
                running.append(pool.submit(_browse, relay, pages, steps))
            try:
                steps.wait()
                stack.kill("web")
                steps.wait()
                steps.wait()
            except BrokenBarrierError:
                steps.abort()  # the trial that broke it says why
            finally:
                stack.start("web")
            for one in running:
                one.result()
        return relay.gather(trials)


@contextmanager
def _prepare(
    stack: Stack, sdks: list[Sdk], scenarios: tuple[Scenario, ...]
) -> Iterator[tuple[Relay, list[Trial]]]:
    for sdk in sdks:  # before the clock runs
        if sdk.language == "python":
            install_python_sdk(sdk.requirements)
        else:
            install_npm_sdks()
    relay = Relay(stack)
    trials = [
        Trial(sdk, scenario, Front(stack.url, FAULTS.get(scenario, Fault.NONE)))
        for scenario in scenarios
        for sdk in sdks
        if sdk.sends_again or scenario not in FAULTS
    ]
    relay.add_sources(trials)
    refusal = relay.refusal()
    with ExitStack() as fronts:
        for trial in trials:
            trial.front.refusal = refusal
            fronts.enter_context(open_front(trial.front))
        yield relay, trials


def _split(trials: list[Trial]) -> tuple[list[Trial], list[Trial]]:
    programs = [trial for trial in trials if trial.sdk.language != "browser"]
    return programs, [trial for trial in trials if trial.sdk.language == "browser"]


def _run_program(trial: Trial, steps: Barrier | None) -> None:
    try:
        patient = trial.scenario is not Scenario.WRONG_KEY
        source = trial.aim(trial.sdk.program(patient=patient))
        with Program(trial.sdk, source, trial.arguments()) as program:
            try:
                if steps:
                    program.wait_for("phase done", STEP_SECONDS)
                    steps.wait()
                    steps.wait()
                    program.go_on()
                    assert trial.front.wait_for_a_failure(STEP_SECONDS), "no request failed"
                    steps.wait()
                program.wait_for_end(STEP_SECONDS)
            finally:
                trial.output = program.output
    except MISTAKES as mistake:
        trial.mistake = f"{type(mistake).__name__}: {mistake}"
        if steps:
            steps.abort()


def _browse(relay: Relay, trials: list[Trial], steps: Barrier | None) -> None:
    if not trials:
        return
    visits: dict[Trial, Visit] = {}
    try:
        bundles = bundle({trial.sdk.slug: trial.sdk.program() for trial in trials})
        scripts = {trial.slug: trial.aim(bundles[trial.sdk.slug]) for trial in trials}
        with open_shop(scripts) as port, open_chromium() as browser:
            try:
                for trial in trials:
                    visits[trial] = Visit(browser, f"http://{trial.slug}.localhost:{port}/")
                    visits[trial].send_phase(trial.arguments(), 0)
                if steps:
                    _wait_for_all(relay, visits, lambda counts, trial: _has_all(counts, trial, 1))
                    steps.wait()
                    steps.wait()
                    for trial in trials:
                        visits[trial].send_phase(trial.arguments(), 1)
                    _wait_for_all(relay, visits, lambda _, trial: 0 in trial.front.statuses)
                    steps.wait()
                _wait_for_all(relay, visits, _is_over)
            finally:
                for trial, visit in visits.items():
                    trial.requested = visit.requested
                    trial.output = "\n".join(visit.mistakes)
                    visit.close()
    except MISTAKES as mistake:
        for trial in trials:
            trial.mistake = trial.mistake or f"{type(mistake).__name__}: {mistake}"
        if steps:
            steps.abort()


def _wait_for_all(
    relay: Relay, visits: dict[Trial, Visit], is_over: Callable[[dict[int, int], Trial], bool]
) -> None:
    """Let the pages work until every trial is over; one that does not end gets a mistake."""
    deadline = time.monotonic() + STEP_SECONDS
    waiting = list(visits)
    while waiting and time.monotonic() < deadline:
        visits[waiting[0]].wait(100)
        counts = relay.stored_counts()
        waiting = [trial for trial in waiting if not is_over(counts, trial)]
    for trial in waiting:
        trial.mistake = f"not over after {STEP_SECONDS} s: {trial.front.exchanges}"


def _has_all(counts: dict[int, int], trial: Trial, phases: int) -> bool:
    return counts.get(trial.source_id, 0) >= trial.expected_types(phases).total()


def _is_over(counts: dict[int, int], trial: Trial) -> bool:
    if trial.scenario is Scenario.WRONG_KEY:
        return any(exchange.status == 401 for exchange in trial.front.exchanges)
    return _has_all(counts, trial, trial.phases)
