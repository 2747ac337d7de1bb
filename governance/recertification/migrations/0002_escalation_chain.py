"""A question's ladder is called escalation chain, as on pages (A9)."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("recertification", "0001_initial")]
    operations = [
        migrations.RenameField("question", "ladder", "escalation_chain"),
        migrations.RenameField("historicalquestion", "ladder", "escalation_chain"),
    ]
