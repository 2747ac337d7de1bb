"""Revocation tasks are seen through: who is asked, what is said, what closed them (G4)."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('approvals', '0014_asked_again'),
        ('controls', '0002_message_ids'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='RevocationWord',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('says', models.CharField(choices=[('removed', 'It is removed'), ('cannot', 'I can’t')], max_length=8)),
                ('said_at', models.DateTimeField()),
            ],
            options={
                'ordering': ('id',),
                'abstract': False,
            },
        ),
        migrations.AlterModelOptions(
            name='revocationtask',
            options={'ordering': ('-id',)},
        ),
        migrations.AddField(
            model_name='historicalrevocationtask',
            name='asked',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), db_default=[], default=list, size=None),
        ),
        migrations.AddField(
            model_name='historicalrevocationtask',
            name='checked_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='historicalrevocationtask',
            name='escalate_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='historicalrevocationtask',
            name='found',
            field=models.CharField(blank=True, db_default='', default='', max_length=200),
        ),
        migrations.AddField(
            model_name='historicalrevocationtask',
            name='gains',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), db_default=[], default=list, size=None),
        ),
        migrations.AddField(
            model_name='historicalrevocationtask',
            name='opened_at',
            field=models.DateTimeField(default=django.utils.timezone.now),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='historicalrevocationtask',
            name='outcome',
            field=models.CharField(blank=True, choices=[('checked', 'Checked by two people'), ('driver', 'Checked by a driver'), ('in_use', 'Granted again')], db_default='', default='', max_length=10),
        ),
        migrations.AddField(
            model_name='revocationtask',
            name='asked',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), db_default=[], default=list, size=None),
        ),
        migrations.AddField(
            model_name='revocationtask',
            name='checked_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='revocationtask',
            name='escalate_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='revocationtask',
            name='found',
            field=models.CharField(blank=True, db_default='', default='', max_length=200),
        ),
        migrations.AddField(
            model_name='revocationtask',
            name='gains',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), db_default=[], default=list, size=None),
        ),
        migrations.AddField(
            model_name='revocationtask',
            name='opened_at',
            field=models.DateTimeField(default=django.utils.timezone.now),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='revocationtask',
            name='outcome',
            field=models.CharField(blank=True, choices=[('checked', 'Checked by two people'), ('driver', 'Checked by a driver'), ('in_use', 'Granted again')], db_default='', default='', max_length=10),
        ),
        migrations.AlterField(
            model_name='historicalrevocationtask',
            name='state',
            field=models.CharField(choices=[('open', 'Open'), ('closed', 'Closed')], default='open', max_length=10),
        ),
        migrations.AlterField(
            model_name='revocationtask',
            name='owner',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='revocation_tasks', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AlterField(
            model_name='revocationtask',
            name='state',
            field=models.CharField(choices=[('open', 'Open'), ('closed', 'Closed')], default='open', max_length=10),
        ),
        migrations.AddIndex(
            model_name='revocationtask',
            index=models.Index(condition=models.Q(('state', 'open')), fields=['due_at'], name='revocation_open'),
        ),
        migrations.AddIndex(
            model_name='revocationtask',
            index=models.Index(fields=['state', '-id'], name='revocation_newest'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='revocationtask',
            trigger=pgtrigger.compiler.Trigger(name='revocation_closed_by_two', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n        IF TG_OP = 'INSERT' THEN\n            IF NEW.state <> 'open' THEN\n                RAISE EXCEPTION 'G4: a revocation task is open first (grant %)', NEW.grant_id\n                    USING ERRCODE = 'check_violation';\n            END IF;\n            RETURN NEW;\n        END IF;\n        IF OLD.state = 'closed' AND NEW IS DISTINCT FROM OLD OR NEW.grant_id <> OLD.grant_id THEN\n            RAISE EXCEPTION 'G4: revocation task % is closed', OLD.id USING ERRCODE = 'check_violation';\n        END IF;\n        IF NEW.state = 'closed' AND NEW.outcome = 'checked' AND\n            (SELECT count(DISTINCT w.person_id) FROM approvals_revocationword w\n             WHERE w.task_id = NEW.id AND w.says = 'removed') < 2 THEN\n            RAISE EXCEPTION 'G4: two people say that it is removed (task %)', OLD.id USING ERRCODE = 'check_violation';\n        END IF;\n        RETURN NEW;\n    ", hash='529980c7ea5cb7b2feee8a71a4cd5ea5dca9f228', operation='INSERT OR UPDATE', pgid='pgtrigger_revocation_closed_by_two_22769', table='approvals_revocationtask', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='revocationtask',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('closed_at__isnull', True), ('outcome', ''), ('state', 'open')), models.Q(('closed_at__isnull', False), ('outcome__in', ['checked', 'driver', 'in_use']), ('state', 'closed')), _connector='OR'), name='revocation_task_closed_says_how'),
        ),
        migrations.AddField(
            model_name='revocationword',
            name='for_person',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='revocationword',
            name='person',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='revocationword',
            name='task',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='words', to='approvals.revocationtask'),
        ),
        migrations.AddField(
            model_name='revocationword',
            name='text',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='controls.freetext'),
        ),
        migrations.AddConstraint(
            model_name='revocationword',
            constraint=models.CheckConstraint(condition=models.Q(('says__in', ['removed', 'cannot'])), name='revocation_word_known'),
        ),
        migrations.AddConstraint(
            model_name='revocationword',
            constraint=models.UniqueConstraint(fields=('task', 'person', 'says'), name='revocation_word_once_a_person'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='revocationword',
            trigger=pgtrigger.compiler.Trigger(name='revocation_two_others', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE task approvals_revocationtask%ROWTYPE; held approvals_grant%ROWTYPE;', func="\n        SELECT * INTO task FROM approvals_revocationtask WHERE id = NEW.task_id;\n        IF task.state <> 'open' THEN\n            RAISE EXCEPTION 'STATE: revocation task % is closed', task.id USING ERRCODE = 'check_violation';\n        END IF;\n        IF NEW.says <> 'removed' THEN\n            RETURN NEW;\n        END IF;\n        SELECT * INTO held FROM approvals_grant WHERE id = task.grant_id;\n        IF ARRAY[NEW.person_id, NEW.for_person_id] && task.gains::bigint[]\n            OR EXISTS (SELECT 1 FROM inventory_automation a WHERE a.id = held.automation_id\n                       AND (a.business_owner_id IN (NEW.person_id, NEW.for_person_id)\n                            OR a.technical_owner_id IN (NEW.person_id, NEW.for_person_id)))\n            OR EXISTS (SELECT 1 FROM approvals_party p JOIN approvals_approval a ON a.submission_id = p.submission_id\n                       WHERE a.id IN (held.approval_id, held.app_approval_id)\n                       AND p.person_id IN (NEW.person_id, NEW.for_person_id)) THEN\n            RAISE EXCEPTION 'G4: who gains by the access does not say that it is gone (task %)', task.id\n                USING ERRCODE = 'check_violation';\n        END IF;\n        IF EXISTS (SELECT 1 FROM approvals_revocationword w WHERE w.task_id = task.id AND w.says = 'removed'\n                   AND (w.person_id IN (NEW.person_id, NEW.for_person_id)\n                        OR w.for_person_id IN (NEW.person_id, NEW.for_person_id)\n                        OR EXISTS (SELECT 1 FROM controls_delegation d\n                                   WHERE d.from_at <= NEW.said_at AND d.until_at > w.said_at\n                                   AND (d.ended_at IS NULL OR d.ended_at > w.said_at)\n                                   AND (d.giver_id, d.taker_id) IN\n                                       ((w.person_id, NEW.person_id), (NEW.person_id, w.person_id))))) THEN\n            RAISE EXCEPTION 'G4: the second word is another person''s (task %)', task.id\n                USING ERRCODE = 'check_violation';\n        END IF;\n        RETURN NEW;\n    ", hash='044f2251b33eb27f3b9773eb4872825abbfa3b8d', operation='INSERT', pgid='pgtrigger_revocation_two_others_8d4b2', table='approvals_revocationword', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='revocationword',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='e79f75a61dd41f5053ac8234f4b4048e6a1795ad', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_684dd', table='approvals_revocationword', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='revocationword',
            trigger=pgtrigger.compiler.Trigger(name='never_truncated', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'H2: % is append-only and is not truncated', TG_TABLE_NAME;", hash='f188cedc2572321970abaf2bde22748984a4dd78', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_truncated_d43ad', table='approvals_revocationword', when='BEFORE')),
        ),
    ]
