from django.db import migrations


class Migration(migrations.Migration):
    """The table keeps its name: workers of the version before go on with it during a deploy."""

    dependencies = [("deliveries", "0014_identity_memory")]

    operations = [
        migrations.AlterModelTable(name="pulse", table="deliveries_pulse"),
        migrations.RenameModel(old_name="Pulse", new_name="Heartbeat"),
    ]
