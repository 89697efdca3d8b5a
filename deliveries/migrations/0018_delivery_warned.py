from django.db import migrations, models

from deliveries.db.index_operations import AddLogIndex


class Migration(migrations.Migration):
    """Deliveries with warnings have an index, those from before too."""

    atomic = False  # the index is made while the log is written to

    dependencies = [("deliveries", "0017_consent_wait")]

    operations = [
        AddLogIndex(
            model_name="delivery",
            index=models.Index(
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("warnings", []), _negated=True),
                name="delivery_warned",
            ),
        ),
    ]
