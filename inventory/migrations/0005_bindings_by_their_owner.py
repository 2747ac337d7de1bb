"""A binding is confirmed or refused by whoever answers for its resource, and moved by two people (I8)."""

import django.contrib.postgres.fields
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('inventory', '0004_both_of_a_delegation'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='binding',
            name='moving_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='binding',
            name='moving_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='binding',
            name='moving_for',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='binding',
            name='moving_to',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='moving_bindings', to='inventory.resource'),
        ),
        migrations.AddField(
            model_name='binding',
            name='refused_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='binding',
            name='refused_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='binding',
            name='refused_for',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), blank=True, default=list, size=None),
        ),
        migrations.AddField(
            model_name='historicalbinding',
            name='moving_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='historicalbinding',
            name='moving_by',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='historicalbinding',
            name='moving_for',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='historicalbinding',
            name='moving_to',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='inventory.resource'),
        ),
        migrations.AddField(
            model_name='historicalbinding',
            name='refused_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='historicalbinding',
            name='refused_by',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='historicalbinding',
            name='refused_for',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), blank=True, default=list, size=None),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='binding',
            trigger=pgtrigger.compiler.Trigger(name='binding_confirmed_by_its_owner', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n        IF NEW.confirmed_at IS NOT NULL AND (TG_OP = 'INSERT' OR OLD.confirmed_at IS NULL) AND NOT EXISTS (SELECT 1 FROM inventory_resource r WHERE r.id = NEW.resource_id\n              AND (NEW.confirmed_by_id IN (r.owner_id, r.deputy_id) OR EXISTS (\n                  SELECT 1 FROM controls_delegation d WHERE d.taker_id = NEW.confirmed_by_id\n                  AND d.giver_id IN (r.owner_id, r.deputy_id)))) THEN\n            RAISE EXCEPTION 'I8: only who answers for a resource confirms what opens it (binding %)', NEW.id\n                USING ERRCODE = 'check_violation';\n        END IF;\n        RETURN NEW;\n    ", hash='94b0487c56a6185fc7873930ce66a4ed2c8a07d7', operation='INSERT OR UPDATE', pgid='pgtrigger_binding_confirmed_by_its_owner_58715', table='inventory_binding', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='binding',
            trigger=pgtrigger.compiler.Trigger(name='binding_moved_by_two', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n        IF OLD.confirmed_at IS NOT NULL AND (\n            NEW.confirmed_at IS NULL\n            OR NEW.resource_id <> OLD.resource_id AND (\n                OLD.moving_to_id IS DISTINCT FROM NEW.resource_id\n                OR NEW.confirmed_by_id IS NOT DISTINCT FROM OLD.moving_by_id\n                OR NEW.confirmed_by_id IS NOT DISTINCT FROM OLD.moving_for_id)) THEN\n            RAISE EXCEPTION 'I8: a confirmed binding is moved by two people (binding %)', OLD.id\n                USING ERRCODE = 'check_violation';\n        END IF;\n        RETURN NEW;\n    ", hash='3a0ea7de9b9364d8196cfa870f5b981e5109ecc0', operation='UPDATE', pgid='pgtrigger_binding_moved_by_two_332ac', table='inventory_binding', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='binding',
            constraint=models.CheckConstraint(condition=models.Q(('confirmed_at__isnull', True), ('refused_at__isnull', True), _connector='OR'), name='binding_confirmed_or_refused'),
        ),
        migrations.AddConstraint(
            model_name='binding',
            constraint=models.CheckConstraint(condition=models.Q(('moving_to__isnull', True), models.Q(('confirmed_at__isnull', False), ('moving_by__isnull', False), models.Q(('moving_to', models.F('resource')), _negated=True)), _connector='OR'), name='binding_moves_once_confirmed'),
        ),
    ]
