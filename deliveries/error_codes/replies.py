"""Codes of what an attempt at sending can end with."""

from __future__ import annotations

from django.utils.translation import gettext_noop

from deliveries.error_codes.code_help import CodeHelp

REPLY_CODES: dict[str, CodeHelp] = {
    # Pinterest judged the event.
    "pinterest_rejected": CodeHelp(
        gettext_noop("Pinterest processed the request but rejected this event."),
        gettext_noop("Read Pinterest's message, fix the event or its mapping, then retry."),
    ),
    "invalid_request": CodeHelp(
        gettext_noop("Pinterest rejects every request that contains this event."),
        gettext_noop("Read Pinterest's message, fix the event or its mapping, then retry."),
    ),
    "request_too_large": CodeHelp(
        gettext_noop(
            "Even on its own, this event makes the request too large for Pinterest or a proxy."
        ),
        gettext_noop(
            "Shorten the event (usually its products) or raise the proxy's limit, then retry."
        ),
    ),
    # The destination was refused: it is paused and its deliveries wait.
    "unauthorised": CodeHelp(
        gettext_noop("Pinterest doesn't accept the conversion token."),
        gettext_noop(
            "Create a new token in Pinterest Ads Manager, enter it in the destination, "
            "then resume it."
        ),
    ),
    "forbidden": CodeHelp(
        gettext_noop("The conversion token isn't allowed to send to this ad account."),
        gettext_noop(
            "Check the advertiser ID and the role of the token's owner, then resume the "
            "destination."
        ),
    ),
    "account_not_found": CodeHelp(
        gettext_noop("Pinterest can't find this ad account, or nothing exists at this address."),
        gettext_noop("Check the destination's advertiser ID and API version, then resume it."),
    ),
    "all_refused_alike": CodeHelp(
        gettext_noop(
            "Pinterest rejected every event with the same message, and a generated test "
            "event as well. The events aren't the cause."
        ),
        gettext_noop("Read Pinterest's message, fix the destination, then resume it."),
    ),
    "refused": CodeHelp(
        gettext_noop(
            "Pinterest refused the request with a status that says nothing about the events."
        ),
        gettext_noop(
            "Check the address, the API version and any proxy, then resume the destination."
        ),
    ),
    "unusable_token": CodeHelp(
        gettext_noop("The destination has no conversion token, or it isn't valid."),
        gettext_noop("Paste the token again, then resume the destination."),
    ),
    "unusable_account": CodeHelp(
        gettext_noop("The destination's advertiser ID isn't a number of up to 18 digits."),
        gettext_noop("Fix the advertiser ID, then resume the destination."),
    ),
    # Temporary: attempted again automatically.
    "rate_limited": CodeHelp(
        gettext_noop("Pinterest's rate limit was reached."),
        gettext_noop("No action needed. It's sent again when Pinterest allows it."),
    ),
    "server_error": CodeHelp(
        gettext_noop("Pinterest couldn't process the request because of a server error."),
        gettext_noop(
            "No action needed. It's sent again later. If it persists, contact Pinterest with the "
            "request ID."
        ),
    ),
    "request_timeout": CodeHelp(
        gettext_noop("Pinterest timed out while waiting for the request."),
        gettext_noop(
            "No action needed. It's sent again later. If it persists, check this server's "
            "connection."
        ),
    ),
    "temporarily_refused": CodeHelp(
        gettext_noop("Pinterest temporarily refused the request (409, 423, 424 or 425)."),
        gettext_noop("No action needed. It's sent again later."),
    ),
    "redirected": CodeHelp(
        gettext_noop(
            "The response was a redirect. Redirects aren't followed: Pinterest doesn't send any."
        ),
        gettext_noop(
            "If it persists, check the base URL and any proxy or login page between this "
            "server and Pinterest."
        ),
    ),
    "account_unclear": CodeHelp(
        gettext_noop(
            "Pinterest rejected every event with the same message and didn't say whether "
            "the account is OK."
        ),
        gettext_noop(
            "No action needed. It's sent again later. If it persists, read Pinterest's message "
            "and check the destination's connection."
        ),
    ),
    "split_budget_spent": CodeHelp(
        gettext_noop(
            "Pinterest rejected the batch, and the search for the invalid events didn't finish."
        ),
        gettext_noop("No action needed. It's sent again and the search continues."),
    ),
    # Nobody answered.
    "connection_refused": CodeHelp(
        gettext_noop(
            "The connection to Pinterest's address was refused, for example by a firewall."
        ),
        gettext_noop(
            "No action needed. It's sent again later. If it persists, check the firewall and the "
            "base URL."
        ),
    ),
    "dns_failure": CodeHelp(
        gettext_noop("Pinterest's host name couldn't be resolved."),
        gettext_noop(
            "No action needed. It's sent again later. If it persists, check this server's DNS."
        ),
    ),
    "tls_failure": CodeHelp(
        gettext_noop("A trusted TLS connection couldn't be established."),
        gettext_noop(
            "Check this server's clock and certificates, and any proxy that inspects TLS."
        ),
    ),
    "connect_timeout": CodeHelp(
        gettext_noop("The connection timed out."),
        gettext_noop(
            "No action needed. It's sent again later. If it persists, check the firewall."
        ),
    ),
    "unreachable": CodeHelp(
        gettext_noop("This server has no network route to Pinterest."),
        gettext_noop(
            "No action needed. It's sent again later. If it persists, check the network and its "
            "routes."
        ),
    ),
    "proxy_failure": CodeHelp(
        gettext_noop("The proxy couldn't connect."),
        gettext_noop("Check the proxy configured for this server."),
    ),
    "connection_lost": CodeHelp(
        gettext_noop("The connection closed before a response arrived."),
        gettext_noop(
            "No action needed. It's sent again; Pinterest drops duplicates by their event ID."
        ),
    ),
    "read_timeout": CodeHelp(
        gettext_noop("Pinterest received the request but didn't respond in time."),
        gettext_noop(
            "No action needed. It's sent again; Pinterest drops duplicates by their event ID."
        ),
    ),
    # The answer tells nothing.
    "unreadable_reply": CodeHelp(
        gettext_noop(
            "The response couldn't be read, so it's unknown whether the events were processed."
        ),
        gettext_noop(
            "No action needed. It's sent again. If it persists, check the batch's response for a "
            "proxy's error page."
        ),
    ),
    "wrong_result_count": CodeHelp(
        gettext_noop(
            "The number of results in the response doesn't match the number of events "
            "sent, so results can't be assigned."
        ),
        gettext_noop(
            "No action needed. It's sent again. If it persists, check the batch's response."
        ),
    ),
    "unreadable_result": CodeHelp(
        gettext_noop("The response says neither “processed” nor “failed” for this event."),
        gettext_noop(
            "No action needed. It's sent again. If it persists, check the batch's response."
        ),
    ),
    "unexpected_status": CodeHelp(
        gettext_noop("The response has an invalid HTTP status."),
        gettext_noop(
            "No action needed. It's sent again. If it persists, check for a proxy between this "
            "server and Pinterest."
        ),
    ),
}
"""What Pinterest answered, or that nobody did."""
