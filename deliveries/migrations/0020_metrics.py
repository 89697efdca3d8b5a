from django.db import migrations, models


class Migration(migrations.Migration):
    """A table and a column that workers of the version before neither read nor write."""

    dependencies = [("deliveries", "0019_compression")]

    operations = [
        migrations.CreateModel(
            name="Snapshot",
            fields=[
                ("name", models.CharField(max_length=30, primary_key=True, serialize=False)),
                ("taken_at", models.DateTimeField()),
                ("text", models.TextField(blank=True)),
                ("state", models.JSONField(default=dict)),
            ],
            options={"default_permissions": ()},
        ),
        migrations.AddField(
            model_name="circuit",
            name="remaining_requests",
            field=models.PositiveIntegerField(
                help_text="What the last response said; NULL if nothing.", null=True
            ),
        ),
    ]
