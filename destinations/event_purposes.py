"""What each of Pinterest's own events is for: the words beside the names in the event map.

The names are those of https://developers.pinterest.com/docs/conversions/event/.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy

EVENT_PURPOSES: dict[str, str] = {
    "checkout": gettext_lazy("a completed purchase"),
    "add_to_cart": gettext_lazy("something was put into the cart"),
    "page_visit": gettext_lazy("a page was seen, for example a product"),
    "signup": gettext_lazy("somebody signed up"),
    "watch_video": gettext_lazy("a video was watched"),
    "lead": gettext_lazy("somebody showed interest in an offer"),
    "search": gettext_lazy("somebody searched the site"),
    "view_category": gettext_lazy("a category page was seen"),
    "custom": gettext_lazy("anything else worth counting"),
    "add_payment_info": gettext_lazy("payment details were entered"),
    "add_to_wishlist": gettext_lazy("something was put on a wish list"),
    "app_install": gettext_lazy("the app was installed"),
    "app_open": gettext_lazy("the app was opened"),
    "contact": gettext_lazy("somebody got in touch"),
    "customize_product": gettext_lazy("a product was configured"),
    "find_location": gettext_lazy("somebody looked for a shop"),
    "initiate_checkout": gettext_lazy("a purchase was begun, not completed"),
    "schedule": gettext_lazy("an appointment was made"),
    "start_trial": gettext_lazy("a trial began"),
    "submit_application": gettext_lazy("an application was sent"),
    "subscribe": gettext_lazy("a subscription began"),
    "view_content": gettext_lazy("a piece of content was seen"),
}
