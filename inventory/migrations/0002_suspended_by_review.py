"""Since when an automation's review has it suspended, apart from whether somebody stopped it (R4, G5)."""

from django.db import migrations, models
from django.db.models import F


def fill(apps, schema_editor):
    """What is suspended and was not stopped by a person was suspended by its review."""
    suspended = apps.get_model("inventory", "Automation").objects.filter(state="suspended", stopped_by=None)
    suspended.update(suspended_by_review_at=F("suspended_at"))


class Migration(migrations.Migration):
    dependencies = [("inventory", "0001_initial")]
    operations = [
        migrations.AddField("automation", "suspended_by_review_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField(
            "historicalautomation", "suspended_by_review_at", models.DateTimeField(blank=True, null=True)
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
