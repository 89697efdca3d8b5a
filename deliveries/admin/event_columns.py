"""The order and value of the deliveries on a page, read from their events."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from deliveries.db.compression import unpack
from deliveries.models import Delivery, Event
from deliveries.privacy.masking import mask, personal_values
from destinations.pinterest.config import TransformConfig
from destinations.pinterest.summary import Summary, lenient, summarise

_CONFIG = lenient(TransformConfig())
"""What is shown of an order depends on no setting of a destination."""


def read_summaries(rows: Sequence[Delivery], *, masks: bool) -> dict[int, Summary]:
    """Event ID → what it says, for those whose body is kept: a query, one more for a large one."""
    events = Event.objects.filter(pk__any_of=list({row.event_id for row in rows}))
    found = {}
    for pk, body in events.each_body():
        event = orjson.loads(unpack(body))
        said = summarise(event, _CONFIG)
        if masks:
            shown = mask({"order_id": said.order_id, "value": said.value}, personal_values(event))
            said = said._replace(**shown)
        found[pk] = said
    return found
