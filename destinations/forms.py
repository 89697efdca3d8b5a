"""The forms behind sources and destinations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy
from unfold.forms import PaginationInlineFormSet
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from destinations.first_start import DEMO_ADVERTISER_ID, DEMO_TOKEN
from destinations.models import Destination, EventMapping, Source
from destinations.pinterest.cleaning import clean
from destinations.pinterest.event_names import target_name
from destinations.pinterest.phone_tables import PHONE_COUNTRIES
from destinations.pinterest.regions import country_code
from destinations.secrets import Secret
from destinations.write_keys import is_former_key

DATALIST_ID = "pinterest-event-names"
CONSENT_AND_FILTERS = (
    "consent_mode",
    "consent_categories",
    "sends_after_consent",
    "drops_unconsented",
    "us_privacy",
    "bots",
    "event_list",
    "listed_events",
    "unmatched_events",
)
"""Fields of the gates, in the order of the form."""
GATE_CHOICES = ("consent_mode", "us_privacy", "bots", "event_list", "unmatched_events")

if TYPE_CHECKING:
    _SourceForm = forms.ModelForm[Source]
    _DestinationForm = forms.ModelForm[Destination]
    _EventMappingForm = forms.ModelForm[EventMapping]
else:  # Django's takes no arguments
    _SourceForm = forms.ModelForm
    _DestinationForm = forms.ModelForm
    _EventMappingForm = forms.ModelForm


class SourceForm(_SourceForm):
    """A source with its destinations; the write key is generated unless one is given."""

    destinations = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Destinations"),
        queryset=Destination.objects.active(),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=gettext_lazy("Destinations that receive this source's events."),
    )

    class Meta:
        model = Source
        fields = (
            "name",
            "enabled",
            "destinations",
            "is_public",
            "identity_memory",
            "identity_space",
            "write_key",
            "allowed_origins",
            "rate_limit_per_second",
        )
        widgets = {"enabled": UnfoldBooleanSwitchWidget, "is_public": UnfoldBooleanSwitchWidget}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["destinations"] = list(
                self.instance.destinations.active().values_list("pk", flat=True)
            )

    def _save_m2m(self) -> None:
        super()._save_m2m()  # type: ignore[misc]  # Django's, and called by save_m2m
        if "destinations" in self.cleaned_data:
            archived = self.instance.destinations.filter(archived_at__isnull=False)
            self.instance.destinations.set([*self.cleaned_data["destinations"], *archived])

    def clean_write_key(self) -> str:
        """Nobody's: neither a source's key (the model says so) nor one that still works."""
        write_key: str = self.cleaned_data["write_key"]
        if is_former_key(write_key, timezone.now()):
            raise ValidationError(gettext("This is the old key of a source, and still works."))
        return write_key


class RotateForm(forms.Form):
    """For how long the old key goes on working."""

    keep = forms.TypedChoiceField(
        label=gettext_lazy("Old key"),
        coerce=int,
        choices=(
            (0, gettext_lazy("Stops working now")),
            (1, gettext_lazy("Works for 1 more hour")),
            (24, gettext_lazy("Works for 1 more day")),
            (7 * 24, gettext_lazy("Works for 7 more days")),
            (30 * 24, gettext_lazy("Works for 30 more days")),
            (90 * 24, gettext_lazy("Works for 90 more days")),
        ),
        initial=7 * 24,
        widget=UnfoldAdminSelectWidget,
    )
    """In hours."""


class DestinationForm(_DestinationForm):
    """A destination; its token can be written here and is never shown again."""

    conversion_token = forms.CharField(
        required=False,
        max_length=2000,
        label=gettext_lazy("Conversion token"),
        widget=UnfoldAdminPasswordWidget(
            render_value=False, attrs={"autocomplete": "new-password", "spellcheck": "false"}
        ),
    )

    remove_token = forms.BooleanField(
        required=False,
        label=gettext_lazy("Remove the saved token"),
        widget=UnfoldBooleanSwitchWidget,
        help_text=gettext_lazy("Only while the destination is off: it can't send without a token."),
    )

    default_country = forms.CharField(
        required=False,
        max_length=100,
        label=gettext_lazy("Default country"),
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text=Destination._meta.get_field("default_country").help_text,
    )

    class Meta:
        model = Destination
        fields = (
            "name",
            "service",
            "advertiser_id",
            "enabled",
            "conversion_token",
            "sources",
            "unmapped_events",
            "default_action_source",
            "default_country",
            "send_external_id",
            "test_mode",
            *CONSENT_AND_FILTERS,
            "api_version",
            "dedup_key",
            "max_age_hours",
            "app_id",
            "partner_name",
            "concurrency_limit",
        )
        widgets = {
            "sources": UnfoldAdminCheckboxSelectMultipleWidget,
            "enabled": UnfoldBooleanSwitchWidget,
            "send_external_id": UnfoldBooleanSwitchWidget,
            "test_mode": UnfoldBooleanSwitchWidget,
            "sends_after_consent": UnfoldBooleanSwitchWidget,
            "drops_unconsented": UnfoldBooleanSwitchWidget,
            "consent_categories": UnfoldAdminTextareaWidget(
                attrs={"rows": 3, "spellcheck": "false"}
            ),
            "listed_events": UnfoldAdminTextareaWidget(attrs={"rows": 3, "spellcheck": "false"}),
        }
        help_texts = {
            "service": gettext_lazy(
                "The sandbox responds like Pinterest but doesn't affect your ads. It needs no "
                "account and no token."
            ),
            "name": gettext_lazy("A name for this destination, e.g. the shop or the market."),
            "sources": gettext_lazy(
                "Sources that send events to this destination. Add sources on their own page."
            ),
        }
        error_messages = {
            "name": {"required": gettext_lazy("Enter a name, e.g. the shop.")},
            "advertiser_id": {
                "required": gettext_lazy("Copy the number from the Ads Manager URL.")
            },
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "sources" in self.fields:  # they are made on a page of their own
            self.fields["sources"].widget.can_add_related = False
            field = self.fields["sources"]
            assert isinstance(field, forms.ModelMultipleChoiceField)
            field.queryset = Source.objects.active()
            if self.instance.pk:
                self.initial["sources"] = list(self.instance.sources.active())
        for name in self.fields.keys() & GATE_CHOICES:
            # A form that has been open since before an update says nothing of them.
            self.fields[name].required = False
        if not self.instance.conversion_token or "conversion_token" not in self.fields:
            self.fields.pop("remove_token", None)
        if "conversion_token" not in self.fields:  # a person who may only look
            return
        if "advertiser_id" in self.fields:
            service = self.data.get(self.add_prefix("service"))  # the sandbox has its own account
            self.fields["advertiser_id"].required = service != Destination.Service.SANDBOX
        self.initial["conversion_token"] = ""  # so that only a typed token counts as a change
        field = self.fields["conversion_token"]
        place = gettext("Ads Manager → Conversions → Conversions API → Set up API.")
        if self.instance.conversion_token:
            field.help_text = gettext("A token is set. Leave blank to keep it. %(place)s") % {
                "place": place
            }
            field.widget.attrs["placeholder"] = gettext(
                "•••••••• (set; enter a new one to replace it)"
            )
        else:
            field.help_text = gettext(
                "No token is set. %(place)s It's stored encrypted and never shown."
            ) % {"place": place}

    def _save_m2m(self) -> None:
        archived = list(self.instance.sources.filter(archived_at__isnull=False))
        super()._save_m2m()  # type: ignore[misc]  # Django's, and called by save_m2m
        self.instance.sources.add(*archived)

    def clean_default_country(self) -> str:
        """``Germany`` or ``de`` become DE."""
        typed = self.cleaned_data["default_country"].strip()
        if not typed:
            return ""
        code = country_code(typed)
        if code is None or code not in PHONE_COUNTRIES:
            raise ValidationError(
                gettext("This isn't a valid country. Enter a code or name, such as GB.")
            )
        return code.upper()

    def clean(self) -> None:
        super().clean()
        for name in GATE_CHOICES:
            if name in self.cleaned_data and not self.cleaned_data[name]:
                self.cleaned_data[name] = getattr(self.instance, name)
        if "advertiser_id" in self.fields:
            self._clean_account()
        if self.cleaned_data.get("remove_token") and not self.data.get(
            self.add_prefix("conversion_token")
        ):
            self.cleaned_data["conversion_token"] = Secret()
            if self.cleaned_data.get("enabled"):
                self.add_error("remove_token", gettext("Turn the destination off first."))

    def _clean_account(self) -> None:
        """The sandbox gets a made-up account and token, which never go to Pinterest."""
        account = self.cleaned_data.get("advertiser_id", "")
        token: Secret = self.cleaned_data.get("conversion_token", Secret())
        if self.cleaned_data.get("service") == Destination.Service.SANDBOX:
            if not account and "advertiser_id" not in self.errors:
                self.cleaned_data["advertiser_id"] = DEMO_ADVERTISER_ID
            if not token and not self.cleaned_data.get("remove_token"):
                self.cleaned_data["conversion_token"] = Secret.seal(DEMO_TOKEN)
            return
        was_sandbox = self.initial.get("service") == Destination.Service.SANDBOX
        if was_sandbox and account == DEMO_ADVERTISER_ID:
            self.add_error("advertiser_id", gettext("Copy the number from the Ads Manager URL."))
        if was_sandbox and not self.data.get(self.add_prefix("conversion_token")):
            self.cleaned_data["conversion_token"] = Secret()

    def clean_listed_events(self) -> str:
        """Each name once, as a reader sees it."""
        names = map(clean, self.cleaned_data["listed_events"].splitlines())
        return "\n".join(dict.fromkeys(name for name in names if name))

    def clean_conversion_token(self) -> Secret:
        typed = self.cleaned_data["conversion_token"]
        if not typed:
            return self.instance.conversion_token
        if any(character.isspace() or not character.isprintable() for character in typed):
            raise ValidationError(
                gettext("The token contains spaces. Paste it without “Bearer” or line breaks.")
            )
        if not typed.isascii():
            raise ValidationError(
                gettext("The token contains invalid characters. Copy it again from Pinterest.")
            )
        return Secret.seal(typed)


class EventMappingFormSet(PaginationInlineFormSet):
    """The event map: each pair once, whatever its case, among rows that are all new, too."""

    def clean(self) -> None:
        super().clean()
        seen: set[tuple[str, str]] = set()
        for form in self.forms:
            row = getattr(form, "cleaned_data", None) or {}
            if row.get("DELETE") or not {"source_event_name", "pinterest_event_name"} <= row.keys():
                continue
            pair = (row["source_event_name"].strip().lower(), row["pinterest_event_name"])
            if pair in seen:
                form.add_error("source_event_name", gettext("This mapping already exists."))
            seen.add(pair)


class EventMappingForm(_EventMappingForm):
    """One row of the event map: your event → a Pinterest event."""

    class Meta:
        model = EventMapping
        fields = ("source_event_name", "pinterest_event_name")
        help_texts = {
            "pinterest_event_name": gettext_lazy(
                "Enter or choose one of Pinterest's 22 standard events. The list below "
                "explains them."
            )
        }
        widgets = {
            "source_event_name": UnfoldAdminTextInputWidget(
                attrs={"placeholder": "Order Completed"}
            ),
            "pinterest_event_name": UnfoldAdminTextInputWidget(
                attrs={"placeholder": "checkout", "list": DATALIST_ID, "autocomplete": "off"}
            ),
        }

    def clean_source_event_name(self) -> str:
        """As a reader sees it: a name pasted from a document may have invisible characters in
        it."""
        name = clean(self.cleaned_data["source_event_name"])
        if not name:
            raise ValidationError(gettext("Enter your event's name."))
        return name

    def clean_pinterest_event_name(self) -> str:
        """``AddToCart`` or ``watch video`` become the API's spelling; other names stay."""
        typed = self.cleaned_data["pinterest_event_name"]
        name = target_name(typed)
        if not name:
            raise ValidationError(
                gettext("Choose a name from the list, or use letters, digits, _ and - only.")
            )
        return name
