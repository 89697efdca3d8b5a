"""Rows of an event map that can never fire, or not as somebody may expect. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from django.utils.translation import gettext, gettext_lazy

from destinations.pinterest.event_names import ECOMMERCE_NAMES, standard_name

CALLS = {
    "page": gettext_lazy(
        "page calls carry no event name: they are always page_visit, or view_category with a "
        "category"
    ),
    "screen": gettext_lazy("a screen call goes by the name of the screen, not by “screen”"),
    "identify": gettext_lazy("identify calls are never sent"),
    "group": gettext_lazy("group calls are never sent"),
    "alias": gettext_lazy("alias calls are never sent"),
    "track": gettext_lazy("a track call goes by its event name, not by “track”"),
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
                gettext("“%(source_name)s” will hardly ever fire: %(reason)s.")
                % {"source_name": source_name, "reason": CALLS[folded]}
            )
        elif folded.rstrip("*") != folded or folded.startswith("*"):
            advice.append(
                gettext("“%(source_name)s” has no wildcards: the whole name is compared.")
                % {"source_name": source_name}
            )
        # Beside another row of the same event it does change something: rows replace the usual name.
        elif {ECOMMERCE_NAMES.get(folded) or standard_name(source_name)} == {*targets[folded]}:
            advice.append(
                gettext(
                    "“%(source_name)s” → %(pinterest_name)s changes nothing: without this row it "
                    "is sent so, too."
                )
                % {"source_name": source_name, "pinterest_name": pinterest_name}
            )
        elif not folded:
            advice.append(
                gettext("The row without an event of yours (→ %(pinterest_name)s) never fires.")
                % {"pinterest_name": pinterest_name}
            )
    for folded, names in targets.items():
        if len(set(names)) > 1:
            advice.append(
                gettext("“%(folded)s” is sent %(count)s times: as %(names)s.")
                % {"folded": folded, "count": len(set(names)), "names": ", ".join(names)}
            )
    if not targets and unmapped_events == "filter":
        advice.append(
            gettext(
                "No row is here, and unmapped events are not sent: only the usual ecommerce names "
                "and Pinterest's own arrive."
            )
        )
    return advice
