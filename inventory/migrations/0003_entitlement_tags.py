"""Entitlements that were made before there were tags are given them by the table (S6)."""

from django.db import migrations

from inventory.importers.capabilities import tags_of

CHUNK = 1000


def fill(apps, schema_editor):
    """Give each entitlement without tags those of every connector that anything uses it by."""
    entitlements = apps.get_model("inventory", "Entitlement").objects
    privileges = apps.get_model("inventory", "Privilege").objects
    after = 0
    while rows := list(entitlements.filter(pk__gt=after, tags=[]).select_related("resource").order_by("pk")[:CHUNK]):
        after = rows[-1].pk
        uses = {}
        held = privileges.filter(entitlement__in=rows).order_by().values_list("entitlement", "connector", "sensitive")
        for entitlement, connector, sensitive in held.distinct():
            uses.setdefault(entitlement, []).append((connector, sensitive))
        for row in rows:
            found = {}
            for connector, sensitive in uses.get(row.pk, [("", False)]):
                opens_secrets = sensitive and row.level == "read"
                tags = tags_of(connector, row.code, row.level, kind=row.resource.kind, opens_secrets=opens_secrets)
                found.update(dict.fromkeys(tags))
            row.tags = list(found)
        entitlements.bulk_update([row for row in rows if row.tags], ["tags"])


class Migration(migrations.Migration):

    dependencies = [
        ("inventory", "0002_chains"),
    ]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
