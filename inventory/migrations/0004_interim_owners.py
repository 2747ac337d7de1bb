"""Who answers for something meanwhile, when its owner has left (I3). Triggers come last: they read the columns."""

import datetime
import django.db.models.deletion
import django.db.models.expressions
import pgtrigger.compiler
import pgtrigger.migrations
import simple_history.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('controls', '0003_kept_on_record'),
        ('inventory', '0003_kept_on_record'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='HistoricalInterimOwner',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('state', models.CharField(choices=[('named', 'Named'), ('confirmed', 'Confirmed'), ('ended', 'Ended')], default='named', max_length=10)),
                ('named_as', models.CharField(choices=[('lead', 'Team lead'), ('security', 'Security reviewer')], max_length=8)),
                ('named_at', models.DateTimeField()),
                ('confirmed_at', models.DateTimeField(blank=True, null=True)),
                ('until', models.DateTimeField(blank=True, null=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.TextField(null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
            ],
            options={
                'verbose_name': 'historical interim owner',
                'verbose_name_plural': 'historical interim owners',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='InterimOwner',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('named', 'Named'), ('confirmed', 'Confirmed'), ('ended', 'Ended')], default='named', max_length=10)),
                ('named_as', models.CharField(choices=[('lead', 'Team lead'), ('security', 'Security reviewer')], max_length=8)),
                ('named_at', models.DateTimeField()),
                ('confirmed_at', models.DateTimeField(blank=True, null=True)),
                ('until', models.DateTimeField(blank=True, null=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ('-id',),
            },
        ),
        migrations.AddField(
            model_name='historicalinterimowner',
            name='automation',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='inventory.automation'),
        ),
        migrations.AddField(
            model_name='historicalinterimowner',
            name='confirmed_by',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='historicalinterimowner',
            name='confirmed_for',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='historicalinterimowner',
            name='credential',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='inventory.credential'),
        ),
        migrations.AddField(
            model_name='historicalinterimowner',
            name='history_user',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='historicalinterimowner',
            name='identity',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='inventory.nonhumanidentity'),
        ),
        migrations.AddField(
            model_name='historicalinterimowner',
            name='named_by',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='historicalinterimowner',
            name='named_for',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='historicalinterimowner',
            name='person',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='historicalinterimowner',
            name='reason',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='controls.freetext'),
        ),
        migrations.AddField(
            model_name='historicalinterimowner',
            name='resource',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='inventory.resource'),
        ),
        migrations.AddField(
            model_name='interimowner',
            name='automation',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='interim_owners', to='inventory.automation'),
        ),
        migrations.AddField(
            model_name='interimowner',
            name='confirmed_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='interimowner',
            name='confirmed_for',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='interimowner',
            name='credential',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='interim_owners', to='inventory.credential'),
        ),
        migrations.AddField(
            model_name='interimowner',
            name='identity',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='interim_owners', to='inventory.nonhumanidentity'),
        ),
        migrations.AddField(
            model_name='interimowner',
            name='named_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='interimowner',
            name='named_for',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='interimowner',
            name='person',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='interim_for', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='interimowner',
            name='reason',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='controls.freetext'),
        ),
        migrations.AddField(
            model_name='interimowner',
            name='resource',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='interim_owners', to='inventory.resource'),
        ),
        migrations.AddField(
            model_name='automation',
            name='interim',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='inventory.interimowner'),
        ),
        migrations.AddField(
            model_name='credential',
            name='interim',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='inventory.interimowner'),
        ),
        migrations.AddField(
            model_name='historicalautomation',
            name='interim',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='inventory.interimowner'),
        ),
        migrations.AddField(
            model_name='historicalcredential',
            name='interim',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='inventory.interimowner'),
        ),
        migrations.AddField(
            model_name='historicalnonhumanidentity',
            name='interim',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='inventory.interimowner'),
        ),
        migrations.AddField(
            model_name='historicalresource',
            name='interim',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='inventory.interimowner'),
        ),
        migrations.AddField(
            model_name='nonhumanidentity',
            name='interim',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='inventory.interimowner'),
        ),
        migrations.AddField(
            model_name='resource',
            name='interim',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='inventory.interimowner'),
        ),
        migrations.AddConstraint(
            model_name='interimowner',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('automation__isnull', True), ('credential__isnull', True), ('identity__isnull', True), ('resource__isnull', False)), models.Q(('automation__isnull', False), ('credential__isnull', True), ('identity__isnull', True), ('resource__isnull', True)), models.Q(('automation__isnull', True), ('credential__isnull', True), ('identity__isnull', False), ('resource__isnull', True)), models.Q(('automation__isnull', True), ('credential__isnull', False), ('identity__isnull', True), ('resource__isnull', True)), _connector='OR'), name='interim_of_one_thing'),
        ),
        migrations.AddConstraint(
            model_name='interimowner',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('person__isnull', True), ('named_by__isnull', True), models.Q(('person', models.F('named_by')), _negated=True), _connector='OR'), models.Q(('person__isnull', True), ('named_for__isnull', True), models.Q(('person', models.F('named_for')), _negated=True), _connector='OR'), models.Q(('person__isnull', True), ('confirmed_by__isnull', True), models.Q(('person', models.F('confirmed_by')), _negated=True), _connector='OR'), models.Q(('person__isnull', True), ('confirmed_for__isnull', True), models.Q(('person', models.F('confirmed_for')), _negated=True), _connector='OR'), models.Q(('named_by__isnull', True), ('confirmed_by__isnull', True), models.Q(('named_by', models.F('confirmed_by')), _negated=True), _connector='OR'), models.Q(('named_by__isnull', True), ('confirmed_for__isnull', True), models.Q(('named_by', models.F('confirmed_for')), _negated=True), _connector='OR'), models.Q(('named_for__isnull', True), ('confirmed_by__isnull', True), models.Q(('named_for', models.F('confirmed_by')), _negated=True), _connector='OR'), models.Q(('named_for__isnull', True), ('confirmed_for__isnull', True), models.Q(('named_for', models.F('confirmed_for')), _negated=True), _connector='OR')), name='interim_named_by_two_others'),
        ),
        migrations.AddConstraint(
            model_name='interimowner',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('confirmed_at__isnull', True), ('confirmed_by__isnull', True), ('until__isnull', True), models.Q(('state', 'confirmed'), _negated=True)), models.Q(('confirmed_at__isnull', False), ('confirmed_by__isnull', False), ('until__isnull', False), models.Q(('state', 'named'), _negated=True)), _connector='OR'), name='interim_confirmed_by_somebody'),
        ),
        migrations.AddConstraint(
            model_name='interimowner',
            constraint=models.CheckConstraint(condition=models.Q(('until__isnull', True), models.Q(('until__gt', models.F('confirmed_at')), ('until__lte', django.db.models.expressions.CombinedExpression(models.F('confirmed_at'), '+', models.Value(datetime.timedelta(days=30), output_field=models.DurationField())))), _connector='OR'), name='interim_at_most_30_days'),
        ),
        migrations.AddConstraint(
            model_name='interimowner',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', False), ('state', 'ended')), models.Q(models.Q(('state', 'ended'), _negated=True), ('ended_at__isnull', True)), _connector='OR'), name='interim_ended_once'),
        ),
        migrations.AddConstraint(
            model_name='interimowner',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['named', 'confirmed', 'ended'])), name='interim_state_known'),
        ),
        migrations.AddConstraint(
            model_name='interimowner',
            constraint=models.CheckConstraint(condition=models.Q(('named_as__in', ['lead', 'security'])), name='interim_named_as_known'),
        ),
        migrations.AddConstraint(
            model_name='interimowner',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'ended'), _negated=True), fields=('resource', 'automation', 'identity', 'credential'), name='interim_one_at_a_time', nulls_distinct=False),
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='binding',
            name='binding_confirmed_by_its_owner',
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='automation',
            trigger=pgtrigger.compiler.Trigger(name='interim_of_its_own', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NEW."interim_id" IS NOT NULL)', func="\n            IF NOT EXISTS (SELECT 1 FROM inventory_interimowner i\n                           WHERE i.id = NEW.interim_id AND i.automation_id = NEW.id AND i.confirmed_at IS NOT NULL) THEN\n                RAISE EXCEPTION 'I3: an interim owner is named and confirmed by two people (% %)', TG_TABLE_NAME, NEW.id\n                    USING ERRCODE = 'check_violation';\n            END IF;\n            RETURN NEW;\n        ", hash='e3a8b781d9b9c925702e62bcde57e138c69f209c', operation='INSERT OR UPDATE', pgid='pgtrigger_interim_of_its_own_a9aa5', table='inventory_automation', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='binding',
            trigger=pgtrigger.compiler.Trigger(name='binding_confirmed_by_its_owner', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n        IF NEW.confirmed_at IS NOT NULL AND (\n            TG_OP = 'INSERT' OR OLD.confirmed_at IS NULL\n            OR NEW.resource_id = OLD.resource_id AND NEW.confirmed_by_id IS DISTINCT FROM OLD.confirmed_by_id\n        ) AND NOT EXISTS (SELECT 1 FROM inventory_resource r WHERE r.id = NEW.resource_id\n              AND (NEW.confirmed_by_id IN (r.owner_id, r.deputy_id) OR EXISTS (\n                  SELECT 1 FROM inventory_interimowner i WHERE i.resource_id = r.id\n                  AND i.person_id = NEW.confirmed_by_id AND i.confirmed_at IS NOT NULL) OR EXISTS (\n                  SELECT 1 FROM controls_delegation d WHERE d.taker_id = NEW.confirmed_by_id\n                  AND (d.giver_id IN (r.owner_id, r.deputy_id) OR EXISTS (\n                      SELECT 1 FROM inventory_interimowner i WHERE i.resource_id = r.id\n                      AND i.person_id = d.giver_id AND i.confirmed_at IS NOT NULL))))) THEN\n            RAISE EXCEPTION 'I8: only who answers for a resource confirms what opens it (binding %)', NEW.id\n                USING ERRCODE = 'check_violation';\n        END IF;\n        RETURN NEW;\n    ", hash='d1e42d21c440999117ab4979deb831a53e552ec8', operation='INSERT OR UPDATE', pgid='pgtrigger_binding_confirmed_by_its_owner_58715', table='inventory_binding', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='credential',
            trigger=pgtrigger.compiler.Trigger(name='interim_of_its_own', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NEW."interim_id" IS NOT NULL)', func="\n            IF NOT EXISTS (SELECT 1 FROM inventory_interimowner i\n                           WHERE i.id = NEW.interim_id AND i.credential_id = NEW.id AND i.confirmed_at IS NOT NULL) THEN\n                RAISE EXCEPTION 'I3: an interim owner is named and confirmed by two people (% %)', TG_TABLE_NAME, NEW.id\n                    USING ERRCODE = 'check_violation';\n            END IF;\n            RETURN NEW;\n        ", hash='d0acb398611889b0449cc4f1cf14a2bf829e3230', operation='INSERT OR UPDATE', pgid='pgtrigger_interim_of_its_own_76adb', table='inventory_credential', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='nonhumanidentity',
            trigger=pgtrigger.compiler.Trigger(name='interim_of_its_own', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NEW."interim_id" IS NOT NULL)', func="\n            IF NOT EXISTS (SELECT 1 FROM inventory_interimowner i\n                           WHERE i.id = NEW.interim_id AND i.identity_id = NEW.id AND i.confirmed_at IS NOT NULL) THEN\n                RAISE EXCEPTION 'I3: an interim owner is named and confirmed by two people (% %)', TG_TABLE_NAME, NEW.id\n                    USING ERRCODE = 'check_violation';\n            END IF;\n            RETURN NEW;\n        ", hash='cd649fc841da09051b45a46e54b41ab2889d7686', operation='INSERT OR UPDATE', pgid='pgtrigger_interim_of_its_own_bb2d8', table='inventory_nonhumanidentity', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='resource',
            trigger=pgtrigger.compiler.Trigger(name='interim_of_its_own', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NEW."interim_id" IS NOT NULL)', func="\n            IF NOT EXISTS (SELECT 1 FROM inventory_interimowner i\n                           WHERE i.id = NEW.interim_id AND i.resource_id = NEW.id AND i.confirmed_at IS NOT NULL) THEN\n                RAISE EXCEPTION 'I3: an interim owner is named and confirmed by two people (% %)', TG_TABLE_NAME, NEW.id\n                    USING ERRCODE = 'check_violation';\n            END IF;\n            RETURN NEW;\n        ", hash='5d0da9d4905617dfad3ad60fe85f8f6a84c665aa', operation='INSERT OR UPDATE', pgid='pgtrigger_interim_of_its_own_ed477', table='inventory_resource', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='historicalinterimowner',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='e7840eddc113e3bb4d6c2a503cd67f364d676d89', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_67d64', table='inventory_historicalinterimowner', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='historicalinterimowner',
            trigger=pgtrigger.compiler.Trigger(name='never_truncated', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'H2: % is append-only and is not truncated', TG_TABLE_NAME;", hash='169733267a6e97a33fd5ba78cf06f7648620bad6', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_truncated_bc5f3', table='inventory_historicalinterimowner', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='interimowner',
            trigger=pgtrigger.compiler.Trigger(name='interim_stays_as_named', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n        IF ROW(NEW.resource_id, NEW.automation_id, NEW.identity_id, NEW.credential_id, NEW.person_id,\n               NEW.named_by_id, NEW.named_for_id, NEW.named_as, NEW.named_at)\n            IS DISTINCT FROM\n           ROW(OLD.resource_id, OLD.automation_id, OLD.identity_id, OLD.credential_id, OLD.person_id,\n               OLD.named_by_id, OLD.named_for_id, OLD.named_as, OLD.named_at)\n            OR OLD.confirmed_at IS NOT NULL AND\n               ROW(NEW.confirmed_by_id, NEW.confirmed_for_id, NEW.confirmed_at, NEW.until)\n               IS DISTINCT FROM ROW(OLD.confirmed_by_id, OLD.confirmed_for_id, OLD.confirmed_at, OLD.until)\n            OR OLD.state = 'ended' AND NEW.state <> 'ended' THEN\n            RAISE EXCEPTION 'I3: who was named interim owner by whom stays on record (%)', OLD.id\n                USING ERRCODE = 'check_violation';\n        END IF;\n        RETURN NEW;\n    ", hash='13288ce7e447670d0bac5562a077040af6284e27', operation='UPDATE', pgid='pgtrigger_interim_stays_as_named_4658a', table='inventory_interimowner', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='interimowner',
            trigger=pgtrigger.compiler.Trigger(name='never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='989cede0111c00fb7dd18a3469f55c6ed4d2b3f1', operation='DELETE', pgid='pgtrigger_never_deleted_da2ea', table='inventory_interimowner', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='interimowner',
            trigger=pgtrigger.compiler.Trigger(name='never_truncated', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'H2: % stays on record and is not truncated', TG_TABLE_NAME;", hash='1881b8e4c60dfe0bf91f6ee902318e31d1b0359e', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_truncated_6d467', table='inventory_interimowner', when='BEFORE')),
        ),
    ]
