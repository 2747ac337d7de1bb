"""An import finds its automation by the platform's id, retired ones too (I9)."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inventory", "0002_plain_messages")]
    operations = [
        migrations.AddIndex(
            model_name="automation",
            index=models.Index(fields=["external_id"], name="automation_by_external_id"),
        ),
    ]
