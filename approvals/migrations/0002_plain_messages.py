"""Triggers say in plain words why they refuse (S5)."""

from django.db import migrations

from governance.core.database import schema


class Migration(migrations.Migration):
    dependencies = [("approvals", "0001_initial")]
    operations = [
        schema.load_sql(
            __file__,
            "decisions.sql",
            "approvals.sql",
            "light_path.sql",
            "grants.sql",
            "revocations.sql",
            "conflicts.sql",
            "waivers.sql",
            "likeness.sql",
            "proposals.sql",
            "owners_by_proposal.sql",
        )
    ]
