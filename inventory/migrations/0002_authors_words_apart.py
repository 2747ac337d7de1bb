"""A version's row no longer holds whom its source names in words: they stand beside it, where they can be erased (H6)."""

import secrets

import django.db.models.deletion
from django.db import migrations, models

APPEND_ONLY = ("inventory_version", "inventory_versionauthor")


def move(apps, schema_editor):
    """Put the words that are there into texts of their own, and empty them in the manifests."""
    from governance.controls.keys import keyed_digest

    author, text = apps.get_model("inventory", "VersionAuthor"), apps.get_model("controls", "FreeText")
    with schema_editor.connection.cursor() as cursor:
        for table in APPEND_ONLY:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for row in author.objects.order_by("pk"):
            key = secrets.token_bytes(32)
            row.said = text.objects.create(text=row.hint, key=key, digest=keyed_digest(key, row.hint))
            row.save(update_fields=["said"])
        cursor.execute(
            "UPDATE inventory_version SET manifest = jsonb_set(manifest, '{source,owner_hint}', '\"\"') "
            "WHERE manifest #>> '{source,owner_hint}' <> ''"
        )
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in APPEND_ONLY:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


class Migration(migrations.Migration):
    dependencies = [("controls", "0001_initial"), ("inventory", "0001_initial")]

    operations = [
        migrations.RemoveConstraint("versionauthor", "version_author_once"),
        migrations.AddField(
            "versionauthor",
            "said",
            models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="controls.freetext"
            ),
        ),
        migrations.RunPython(move),
        migrations.AlterField(
            "versionauthor",
            "said",
            models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="controls.freetext"
            ),
        ),
        migrations.RemoveField("versionauthor", "hint"),
    ]
