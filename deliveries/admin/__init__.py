"""Everything that draws pages. Importing this package registers the log with the admin site."""

from deliveries.admin.bulk_pages import BulkActionAdmin
from deliveries.admin.destination_admin import OperatedDestinationAdmin
from deliveries.admin.log import BatchAdmin, DeliveryAdmin, RefusalAdmin
from deliveries.admin.source_admin import OperatedSourceAdmin

__all__ = [
    "BatchAdmin",
    "BulkActionAdmin",
    "DeliveryAdmin",
    "OperatedDestinationAdmin",
    "OperatedSourceAdmin",
    "RefusalAdmin",
]
