"""Load the conflict rules that ship, each as version 1 of itself (S6, S9)."""

from datetime import UTC, datetime

from django.db import migrations


def load(apps, schema_editor):
    """Write each once; what ships later is a proposal, not a migration."""
    from approvals.conflicts import default_rules

    rules = apps.get_model("approvals", "ConflictRule").objects
    known = set(rules.values_list("code", flat=True))
    rules.bulk_create(
        rules.model(
            code=one.code,
            number=1,
            document=one.to_dict(),
            digest=one.digest,
            title=one.title,
            process=one.process,
            rating=one.rating,
            mode=one.mode,
            scope=one.scope,
            ships=True,
            effective_at=datetime(2000, 1, 1, tzinfo=UTC),
        )
        for one in default_rules.shipped()
        if one.code not in known
    )


class Migration(migrations.Migration):
    dependencies = [("approvals", "0003_conflict_rules")]
    operations = [migrations.RunPython(load, migrations.RunPython.noop)]
