"""Triggers say in plain words why they refuse (S5)."""

from django.db import migrations

from governance.core.database import schema


class Migration(migrations.Migration):
    dependencies = [("recertification", "0002_escalation_chain")]
    operations = [schema.load_sql(__file__, "answers.sql")]
