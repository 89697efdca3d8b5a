"""Rows of an event map that can never fire, or not as somebody may expect. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from django.utils.translation import gettext, gettext_lazy

from destinations.pinterest.event_names import ECOMMERCE_NAMES, standard_name

CALLS = {
    "page": gettext_lazy(
        "page calls have no event name; they're always sent as page_visit, or as "
        "view_category if they have a category"
    ),
    "screen": gettext_lazy("a screen call is matched by the screen's name, not by “screen”"),
    "identify": gettext_lazy("identify calls are never sent"),
    "group": gettext_lazy("group calls are never sent"),
    "alias": gettext_lazy("alias calls are never sent"),
    "track": gettext_lazy("a track call is matched by its event name, not by “track”"),
}
"""Type of a call, taken for the name of an event → why no event has it."""


def advise_event_map(rows: Iterable[tuple[str, str]], unmapped_events: str) -> list[str]:
    """A sentence for each row (your event, Pinterest event) that deserves one.

    ``unmapped_events`` is the destination's choice for events that no row knows.
    """
    advice = []
    targets: defaultdict[str, list[str]] = defaultdict(list)
    named = [(name, name.strip().casefold(), target) for name, target in rows]
    for _, folded, pinterest_name in named:
        targets[folded].append(pinterest_name)
    for source_name, folded, pinterest_name in named:
        if folded in CALLS:
            advice.append(
                gettext("“%(source_name)s” will rarely match: %(reason)s.")
                % {"source_name": source_name, "reason": CALLS[folded]}
            )
        elif folded.rstrip("*") != folded or folded.startswith("*"):
            advice.append(
                gettext("“%(source_name)s” isn't a wildcard: only the exact name matches.")
                % {"source_name": source_name}
            )
        # Beside another row of the same event it does change something: rows replace the usual
        # name.
        elif {ECOMMERCE_NAMES.get(folded) or standard_name(source_name)} == {*targets[folded]}:
            advice.append(
                gettext(
                    "“%(source_name)s” → %(pinterest_name)s has no effect: it's already "
                    "mapped that way."
                )
                % {"source_name": source_name, "pinterest_name": pinterest_name}
            )
        elif not folded:
            advice.append(
                gettext("The row without your event (→ %(pinterest_name)s) never matches.")
                % {"pinterest_name": pinterest_name}
            )
    for folded, names in targets.items():
        if len(set(names)) > 1:
            advice.append(
                gettext("“%(folded)s” is sent %(count)s times, as %(names)s.")
                % {"folded": folded, "count": len(set(names)), "names": ", ".join(names)}
            )
    if not targets and unmapped_events == "filter":
        advice.append(
            gettext(
                "The event map is empty and unmapped events aren't sent, so only common "
                "ecommerce events and Pinterest's standard events are sent."
            )
        )
    return advice
