import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """The table keeps its name: workers of the version before go on with it during a deploy."""

    dependencies = [
        ("destinations", "0004_words"),
        ("deliveries", "0011_job_cursor"),
    ]

    operations = [
        migrations.AlterModelTable(name="lane", table="deliveries_lane"),
        migrations.RenameModel(old_name="Lane", new_name="Circuit"),
        migrations.AlterField(
            model_name="circuit",
            name="destination",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE,
                primary_key=True,
                related_name="circuit",
                serialize=False,
                to="destinations.destination",
            ),
        ),
    ]
