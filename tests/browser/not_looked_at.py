"""Addresses of the admin that are no place to look at (``places.py``), and why."""

from __future__ import annotations

NOT_LOOKED_AT: dict[str, str] = {
    "jsi18n": "a script",
    "search": "the search of all models, which the product does not have",
    "autocomplete": "answers with JSON; nothing here uses it",
    "view_on_site": "a redirect; nothing here has a page elsewhere",
    "deliveries_delivery_export": "a file",
    "deliveries_batch_body": "a file",
    "deliveries_delivery_retry": "a button that leads back",
    "destinations_destination_pause": "a button that leads back",
    "destinations_destination_resume": "a button that leads back",
    "deliveries_bulkaction_cancel": "a button that leads back",
    "deliveries_savedlink_save": "a button that leads back",
    "deliveries_savedlink_remove": "a button that leads back",
    "destinations_destination_copy": "a button that leads to the copy's own page",
    "destinations_destination_check_new": "looks like destination_check",
    "destinations_destination_filtered_new": "looks like destination_filtered",
    "auth_group_history": "looks like auth_user_history",
    "deliveries_batch_history": "empty: nobody changes a batch",
    "deliveries_refusal_history": "empty: nobody changes a refusal",
    "deliveries_bulkaction_history": "empty: nobody changes a bulk action",
    "admin_logentry_history": "empty: nobody changes an entry",
    **{
        f"{model}_{verb}": "refused for everybody (tests/accounts/test_roles.py)"
        for model in (
            "deliveries_delivery",
            "deliveries_batch",
            "deliveries_refusal",
            "deliveries_bulkaction",
            "admin_logentry",
        )
        for verb in ("add", "delete")
    },
    "alert_acknowledge": "a button that leads back",
    "alert_silence": "a button that leads back",
    "alert_end_silence": "a button that leads back",
    "alert_channel_test": "a button that leads back",
    "alert_channel_delete": "a button that leads back",
    "destinations_source_archive": "looks like destinations_destination_archive",
    "destinations_source_end_key": "a button that leads back",
    "destinations_source_restore": "a button that leads back",
    "destinations_source_delete": "looks like auth_group_delete",
    "destinations_destination_restore": "a button that leads back",
    "destinations_destination_delete": "looks like auth_group_delete",
}
"""URL name → why no picture and no check is made of it."""
