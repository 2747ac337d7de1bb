"""Load the shipped policy as version 1 (S9)."""

from datetime import UTC, datetime

from django.db import migrations


def load(apps, schema_editor):
    """Write version 1 once; what ships later is a proposal, not a migration."""
    from approvals.policies import queries as policy_queries

    document = policy_queries.shipped()
    apps.get_model("approvals", "PolicyVersion").objects.get_or_create(
        kind="default",
        number=1,
        defaults={
            "document": document,
            "digest": policy_queries.digest(document),
            "effective_at": datetime(2000, 1, 1, tzinfo=UTC),
        },
    )


class Migration(migrations.Migration):
    dependencies = [("approvals", "0001_initial")]
    operations = [migrations.RunPython(load, migrations.RunPython.noop)]
