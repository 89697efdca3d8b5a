"""Which deliveries, how many, which page: what every list, count, export and bulk action asks.

``Selection`` says which, ``read_selection`` reads it from an address, ``find_page`` and
``all_pages`` find them, ``count_deliveries`` and ``count_events`` count them, ``events_with``
and ``newest_with`` find an order or a person. The rest of this package is how.
"""

from deliveries.search.counting import Counted, count_deliveries, count_events
from deliveries.search.pages import all_pages, find_page
from deliveries.search.query_params import PARAMETERS, read_selection
from deliveries.search.search_keys import events_with, names_a_person, newest_with
from deliveries.search.selection import FILTERS, Names, Selection

__all__ = [
    "FILTERS",
    "PARAMETERS",
    "Counted",
    "Names",
    "Selection",
    "all_pages",
    "count_deliveries",
    "count_events",
    "events_with",
    "find_page",
    "names_a_person",
    "newest_with",
    "read_selection",
]
