from django.db import migrations, models


class Migration(migrations.Migration):
    """The table keeps its name: workers of the version before go on with it during a deploy."""

    dependencies = [
        ("deliveries", "0010_bulk_total_exact"),
    ]

    operations = [
        migrations.AlterModelTable(name="prunemark", table="deliveries_prunemark"),
        migrations.RenameModel(old_name="PruneMark", new_name="JobCursor"),
        migrations.AddField(
            model_name="jobcursor",
            name="newest_id",
            field=models.BigIntegerField(
                help_text="The newest ID there was when the round started.", null=True
            ),
        ),
    ]
