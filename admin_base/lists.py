"""The base of every list: an address can ask it for what it offers, and for nothing else.

Django takes any ``field__lookup=`` of an address as a filter. Asked cleverly, a list then answers
questions about what it does not show: a write key letter by letter, a password's hash, a token.
Here only the parameters of ``list_filter`` narrow a list.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.admin import FieldListFilter, ShowFacets, SimpleListFilter
from django.contrib.admin.utils import get_fields_from_path
from django.contrib.admin.views.main import (
    ALL_VAR,
    ERROR_FLAG,
    ORDER_VAR,
    PAGE_VAR,
    SEARCH_VAR,
)
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.utils.translation import gettext
from unfold.admin import ModelAdmin
from unfold.views import ChangeList

from admin_base.searches import MAX_CHARACTERS, recall_search, remember_search

LIST_PARAMETERS = frozenset({ALL_VAR, ORDER_VAR, PAGE_VAR, SEARCH_VAR})
SEARCH_BUTTON = "_search"
"""In a POST to a list: it is a search, and not an action on the ticked rows."""


class StrictChangeList(ChangeList):
    """A list whose search stands in the session; ``query`` is what is searched for."""

    model_admin: StrictModelAdmin

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: list[str | None] | None = None
    ) -> QuerySet[Any]:
        self.query = recall_search(request.session, request.GET.get(SEARCH_VAR, "")) or ""
        return super().get_queryset(request, exclude_parameters)

    def get_filters_params(self, params: dict[str, Any] | None = None) -> dict[str, Any]:
        found: dict[str, Any] = super().get_filters_params(params)
        own = self.model_admin.own_parameters
        return {name: values for name, values in found.items() if name not in own}


class StrictModelAdmin(ModelAdmin):
    """The base of all model admins (``admin_base.site`` registers no other).

    ``own_parameters``: what the address of the list may hold beside filters, order, page and
    search.
    """

    own_parameters: frozenset[str] = frozenset()
    show_facets = ShowFacets.NEVER  # they count all rows, once for each choice of each filter

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return StrictChangeList

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        return request is not None and lookup in self.filter_parameters(request)

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        return to_field == self.opts.pk.name

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, str | list[str]]:
        """A link cannot fill in a form: a write key or a role that somebody else chose, say."""
        return {}

    def filter_parameters(self, request: HttpRequest) -> frozenset[str]:
        """The names in the address by which ``list_filter`` narrows the list."""
        names: set[str] = set()
        for item in self.get_list_filter(request):
            names.update(self._parameters_of(request, item))
        return frozenset(names)

    def _parameters_of(self, request: HttpRequest, item: Any) -> list[Any]:
        if isinstance(item, type) and issubclass(item, SimpleListFilter):
            return [item.parameter_name]
        path, filter_class = item if isinstance(item, tuple | list) else (item, None)
        field = get_fields_from_path(self.model, path)[-1]
        build = filter_class or FieldListFilter.create
        return list(
            build(field, request, {}, self.model, self, field_path=path).expected_parameters()
        )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        if request.method == "POST" and SEARCH_BUTTON in request.POST:
            return _to(request, self._read_search(request))
        if request.method != "POST" and (kept := self._keep_known(request)) is not None:
            return _to(request, kept)
        return super().changelist_view(request, extra_context)

    def _known_parameters(self, request: HttpRequest) -> frozenset[str]:
        known = LIST_PARAMETERS | self.own_parameters | self.filter_parameters(request)
        return known if self.get_search_fields(request) else known - {SEARCH_VAR}

    def _read_search(self, request: HttpRequest) -> QueryDict:
        """The address of what a posted search form asks for: its filters, and a token."""
        address = QueryDict(mutable=True)
        for name in sorted(self._known_parameters(request) - {PAGE_VAR, SEARCH_VAR}):
            if values := [value for value in request.POST.getlist(name) if value.strip()]:
                address.setlist(name, values)
        term = request.POST.get(SEARCH_VAR, "").strip()
        if len(term) > MAX_CHARACTERS or "\x00" in term:
            messages.warning(request, gettext("This text can't match anything."))
        elif term and SEARCH_VAR in self._known_parameters(request):
            address[SEARCH_VAR] = remember_search(request.session, term)
        return address

    def _keep_known(self, request: HttpRequest) -> QueryDict | None:
        """The address without what the list does not know; None when it knows all of it."""
        address = request.GET.copy()
        if ERROR_FLAG in address:
            del address[ERROR_FLAG]
            messages.warning(
                request, gettext("A filter in this link isn't valid. All rows are shown.")
            )
        token = address.get(SEARCH_VAR, "")
        if token and recall_search(request.session, token) is None:
            del address[SEARCH_VAR]
            messages.warning(
                request,
                gettext(
                    "Links don't include searches, because a search may contain personal "
                    "data. Enter the search again."
                ),
            )
        if unknown := set(address) - self._known_parameters(request):
            for name in unknown:
                del address[name]
            messages.warning(
                request,
                gettext("This list doesn't have a filter from the link. It was ignored."),
            )
        return address if address != request.GET else None


def _to(request: HttpRequest, address: QueryDict) -> HttpResponse:
    query = address.urlencode()
    return HttpResponseRedirect(f"{request.path}?{query}" if query else request.path)
