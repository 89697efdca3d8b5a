from django.db import migrations, models

from deliveries.db.column_operations import CompressWithLz4


class Migration(migrations.Migration):
    """Only new rows differ: workers of the version before go on reading and writing."""

    dependencies = [("deliveries", "0018_delivery_warned")]

    operations = [
        migrations.AlterField(
            model_name="event",
            name="body",
            field=models.BinaryField(
                help_text="The event as JSON, compressed if large; NULL after its retention "
                "period.",
                null=True,
            ),
        ),
        migrations.AlterField(
            model_name="batch",
            name="request_body",
            field=models.BinaryField(help_text="Exact JSON, compressed if large.", null=True),
        ),
        migrations.AlterField(
            model_name="batch",
            name="response_body",
            field=models.BinaryField(help_text="Exact bytes, compressed if large.", null=True),
        ),
        CompressWithLz4("event", "body"),
    ]
