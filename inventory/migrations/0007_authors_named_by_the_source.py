"""Whom a source names as its author is kept with the version, in rows that only accumulate (S1)."""

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('inventory', '0006_suspended_by_look'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveField(
            model_name='version',
            name='author',
        ),
        migrations.CreateModel(
            name='VersionAuthor',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('hint', models.CharField(max_length=200)),
                ('person', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='authors', to='inventory.version')),
            ],
            options={
                'ordering': ('version', 'id'),
                'abstract': False,
                'constraints': [models.UniqueConstraint(fields=('version', 'hint'), name='version_author_once')],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='versionauthor',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='cf69229969596a3cdb0d0b0cf0017a7ca1cf6532', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_ad428', table='inventory_versionauthor', when='BEFORE')),
        ),
    ]
