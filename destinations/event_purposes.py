"""What each of Pinterest's own events is for: the words beside the names in the event map.

The names are those of https://developers.pinterest.com/docs/conversions/event/.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

EVENT_PURPOSES: dict[str, StrOrPromise] = {
    "checkout": gettext_lazy("a completed purchase"),
    "add_to_cart": gettext_lazy("an item was added to the cart"),
    "page_visit": gettext_lazy("a page was viewed, such as a product"),
    "signup": gettext_lazy("someone signed up"),
    "watch_video": gettext_lazy("a video was watched"),
    "lead": gettext_lazy("someone showed interest in an offer"),
    "search": gettext_lazy("someone searched the site"),
    "view_category": gettext_lazy("a category page was viewed"),
    "custom": gettext_lazy("any other event"),
    "add_payment_info": gettext_lazy("payment details were entered"),
    "add_to_wishlist": gettext_lazy("an item was added to a wishlist"),
    "app_install": gettext_lazy("the app was installed"),
    "app_open": gettext_lazy("the app was opened"),
    "contact": gettext_lazy("someone contacted you"),
    "customize_product": gettext_lazy("someone customized a product"),
    "find_location": gettext_lazy("someone looked for a store"),
    "initiate_checkout": gettext_lazy("a checkout was started"),
    "schedule": gettext_lazy("an appointment was scheduled"),
    "start_trial": gettext_lazy("a trial started"),
    "submit_application": gettext_lazy("an application was submitted"),
    "subscribe": gettext_lazy("a subscription started"),
    "view_content": gettext_lazy("content was viewed"),
}
