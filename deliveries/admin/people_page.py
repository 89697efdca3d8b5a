"""The page "People remembered": how many, from which sources, and what that did. No person on
it."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext

from deliveries.identity.counting import count_people
from deliveries.phrases import group_digits
from deliveries.stats.figures import SPANS, read_figures
from deliveries.stats.match_coverage import read_coverage
from deliveries.stats.tallies import COMPLETED, SECOND_CHANCE
from destinations.models import Source


def people_view(request: HttpRequest) -> HttpResponse:
    """Counts of identity memory; a constant number of queries."""
    if not request.user.has_perm("destinations.view_source"):
        raise PermissionDenied
    now = timezone.now()
    span = SPANS[-1]
    total = read_figures(span, now).total
    count, is_exact = count_people()
    sources = list(Source.objects.all())
    context = {
        **admin.site.each_context(request),
        "title": gettext("People remembered"),
        "people": group_digits(count)
        if is_exact
        else gettext("about %(count)s") % {"count": group_digits(count)},
        "span": span,
        "delivered": total.delivered,
        "completed": total.counts[COMPLETED],
        "second_chances": total.counts[SECOND_CHANCE],
        "coverage": [one for one in read_coverage(total) if one.remembered_percent],
        "sources": [one for one in sources if one.space is not None],
        "sources_off": [one for one in sources if one.space is None],
        "retention_days": settings.IDENTITY_RETENTION_DAYS,
        "click_days": settings.IDENTITY_CLICK_DAYS,
        "address_hours": settings.IDENTITY_ADDRESS_HOURS,
        "second_chance_hours": settings.IDENTITY_SECOND_CHANCE_HOURS,
    }
    return TemplateResponse(request, "admin/deliveries/person/people.html", context)
