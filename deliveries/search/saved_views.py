"""Views of the log that somebody gave a name: which may be kept, who sees and removes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext

from deliveries.models import SavedLink
from deliveries.privacy.masking import holds_personal_text
from deliveries.search.query_params import FREE_TEXTS, PARAMETERS, has_times, read_selection
from deliveries.search.zones import ZONE, zone_name, zone_of

MAX_OF_ONE_PERSON = 50

MAY_SHARE = "deliveries.operate_delivery"
MAY_TIDY = "destinations.change_destination"
"""Who sets things up also removes what others shared."""


def links_for(user: Any) -> list[SavedLink]:
    """Those of this person first, then what others shared; each with ``can_be_removed``."""
    found = list(
        SavedLink.objects.filter(Q(owner_id=user.pk) | Q(is_shared=True))
        .select_related("owner")
        .order_by("name", "pk")
    )
    found.sort(key=lambda link: link.owner_id != user.pk)
    for link in found:
        link.can_be_removed = may_remove(user, link)
    return found


def may_remove(user: Any, link: SavedLink) -> bool:
    return link.owner_id == user.pk or (link.is_shared and user.has_perm(MAY_TIDY))


def save_link(user: Any, name: str, address: Mapping[str, str], is_shared: bool) -> SavedLink:
    """Keep the filters of ``address`` under a name. Raises ValueError with a sentence."""
    name = name.strip()
    query = clean_query(address)
    if not name or len(name) > 80 or not name.isprintable():
        raise ValueError(gettext("Enter a name of up to 80 characters."))
    if holds_personal_text(name):
        raise ValueError(
            gettext("Choose a name without addresses or long numbers, because others may see it.")
        )
    if SavedLink.objects.filter(owner_id=user.pk).count() >= MAX_OF_ONE_PERSON:
        raise ValueError(gettext("You've reached the limit of saved views. Remove one first."))
    try:
        with transaction.atomic():
            return SavedLink.objects.create(
                owner_id=user.pk, name=name, query=query, is_shared=is_shared
            )
    except IntegrityError:
        raise ValueError(
            gettext(
                "You already have a view with this name. Choose another name, or "
                "remove that view first."
            )
        ) from None


def clean_query(address: Mapping[str, str]) -> str:
    """The filters of the log in an address, in their own order; anything else is left out.

    Raises ValueError with a sentence for a search and for personal data, which are not kept in
    plain text, for a filter that cannot be read, and for none at all.
    """
    if address.get("q", "").strip():
        raise ValueError(
            gettext(
                "Searches aren't saved, because they may contain personal data. Clear "
                "the search to save the filters, or copy the link."
            )
        )
    given = [(name, text) for name in PARAMETERS if (text := address.get(name, "").strip())]
    if not given:
        raise ValueError(gettext("Choose a filter before you save a view."))
    read_selection(address)
    for name, text in given:
        if name in FREE_TEXTS and holds_personal_text(text):
            raise ValueError(
                gettext(
                    "A filter contains an address or a long number, which can't be saved: %(name)s."
                )
                % {"name": name.replace("_", " ")}
            )
    if has_times(address):
        given.append((ZONE, zone_name(zone_of(address))))
    query = urlencode(given)
    if len(query) > 2000:
        raise ValueError(gettext("These filters are too long to save."))
    return query
