"""What each of Pinterest's own events is for: the words beside the names in the event map.

The names are those of https://developers.pinterest.com/docs/conversions/event/.
"""

from __future__ import annotations

EVENT_PURPOSES: dict[str, str] = {
    "checkout": "a completed purchase",
    "add_to_cart": "something was put into the cart",
    "page_visit": "a page was seen, for example a product",
    "signup": "somebody signed up",
    "watch_video": "a video was watched",
    "lead": "somebody showed interest in an offer",
    "search": "somebody searched the site",
    "view_category": "a category page was seen",
    "custom": "anything else worth counting",
    "add_payment_info": "payment details were entered",
    "add_to_wishlist": "something was put on a wish list",
    "app_install": "the app was installed",
    "app_open": "the app was opened",
    "contact": "somebody got in touch",
    "customize_product": "a product was configured",
    "find_location": "somebody looked for a shop",
    "initiate_checkout": "a purchase was begun, not completed",
    "schedule": "an appointment was made",
    "start_trial": "a trial began",
    "submit_application": "an application was sent",
    "subscribe": "a subscription began",
    "view_content": "a piece of content was seen",
}
