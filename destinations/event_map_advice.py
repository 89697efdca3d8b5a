"""Rows of an event map that can never fire, or not as somebody may expect. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from destinations.pinterest.event_names import ECOMMERCE_NAMES, standard_name

CALLS = {
    "page": "page calls carry no event name: they are always page_visit, or view_category with a "
    "category",
    "screen": "a screen call goes by the name of the screen, not by “screen”",
    "identify": "identify calls are never sent",
    "group": "group calls are never sent",
    "alias": "alias calls are never sent",
    "track": "a track call goes by its event name, not by “track”",
}
"""Type of a call, taken for the name of an event → why no event has it."""


def advise_event_map(rows: Iterable[tuple[str, str]], unmapped_events: str) -> list[str]:
    """A sentence for each row (your event, Pinterest event) that deserves one.

    ``unmapped_events`` is the destination's choice for events that no row knows.
    """
    advice = []
    targets: defaultdict[str, list[str]] = defaultdict(list)
    for source_name, pinterest_name in rows:
        folded = source_name.strip().casefold()
        targets[folded].append(pinterest_name)
        if folded in CALLS:
            advice.append(f"“{source_name}” will hardly ever fire: {CALLS[folded]}.")
        elif folded.rstrip("*") != folded or folded.startswith("*"):
            advice.append(f"“{source_name}” has no wildcards: the whole name is compared.")
        elif (ECOMMERCE_NAMES.get(folded) or standard_name(source_name)) == pinterest_name:
            advice.append(
                f"“{source_name}” → {pinterest_name} changes nothing: without this row it is "
                "sent so, too."
            )
        elif not folded:
            advice.append(f"The row without an event of yours (→ {pinterest_name}) never fires.")
    for folded, names in targets.items():
        if len(set(names)) > 1:
            advice.append(f"“{folded}” is sent {len(set(names))} times: as {', '.join(names)}.")
    if not targets and unmapped_events == "filter":
        advice.append(
            "No row is here, and unmapped events are not sent: only the usual ecommerce names "
            "and Pinterest's own arrive."
        )
    return advice
