"""Triggers say in plain words why they refuse (S5)."""

from django.db import migrations

from governance.core.database import schema


class Migration(migrations.Migration):
    dependencies = [("controls", "0001_initial")]
    operations = [schema.load_sql(__file__, "ledger.sql", "people.sql")]
