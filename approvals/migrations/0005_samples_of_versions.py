"""Samples are of versions too: noted, drawn, looked at (A12, A13)."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('approvals', '0004_app_of_the_same_automation'),
        ('inventory', '0006_suspended_by_look'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='sample',
            options={'ordering': ('-id',)},
        ),
        migrations.RemoveField(
            model_name='historicalsample',
            name='verdict',
        ),
        migrations.RemoveField(
            model_name='sample',
            name='verdict',
        ),
        migrations.AddField(
            model_name='historicalsample',
            name='asked',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None),
        ),
        migrations.AddField(
            model_name='historicalsample',
            name='before',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='inventory.version'),
        ),
        migrations.AddField(
            model_name='historicalsample',
            name='drawn_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='historicalsample',
            name='due_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='historicalsample',
            name='looked_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='historicalsample',
            name='looked_for',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='historicalsample',
            name='noted_at',
            field=models.DateTimeField(default=django.utils.timezone.now),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='historicalsample',
            name='state',
            field=models.CharField(choices=[('waiting', 'Not drawn yet'), ('not_drawn', 'Not drawn'), ('open', 'Waiting'), ('fine', 'Looked at: fine'), ('not_fine', 'Looked at: not fine'), ('unanswered', 'Not looked at in time'), ('not_applicable', 'Ended before anybody looked')], default='waiting', max_length=14),
        ),
        migrations.AddField(
            model_name='historicalsample',
            name='submission',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='approvals.submission'),
        ),
        migrations.AddField(
            model_name='sample',
            name='asked',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None),
        ),
        migrations.AddField(
            model_name='sample',
            name='before',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='inventory.version'),
        ),
        migrations.AddField(
            model_name='sample',
            name='drawn_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='sample',
            name='due_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='sample',
            name='looked_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='sample',
            name='looked_for',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='sample',
            name='noted_at',
            field=models.DateTimeField(default=django.utils.timezone.now),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='sample',
            name='state',
            field=models.CharField(choices=[('waiting', 'Not drawn yet'), ('not_drawn', 'Not drawn'), ('open', 'Waiting'), ('fine', 'Looked at: fine'), ('not_fine', 'Looked at: not fine'), ('unanswered', 'Not looked at in time'), ('not_applicable', 'Ended before anybody looked')], default='waiting', max_length=14),
        ),
        migrations.AddField(
            model_name='sample',
            name='submission',
            field=models.ForeignKey(default=0, on_delete=django.db.models.deletion.PROTECT, related_name='samples', to='approvals.submission'),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name='historicalsample',
            name='drawn_from_seal',
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name='sample',
            name='approval',
            field=models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='sample', to='approvals.approval'),
        ),
        migrations.AlterField(
            model_name='sample',
            name='drawn_from_seal',
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name='sample',
            index=models.Index(fields=['state', 'due_at'], name='sample_due'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='sample',
            trigger=pgtrigger.compiler.Trigger(name='sample_looker_no_party', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n        IF NEW.looked_by_id IS NOT NULL AND EXISTS (\n            SELECT 1 FROM approvals_party p WHERE p.submission_id = NEW.submission_id\n            AND p.person_id IN (NEW.looked_by_id, COALESCE(NEW.looked_for_id, NEW.looked_by_id))) THEN\n            RAISE EXCEPTION 'SOD-1: a party does not look at submission %', NEW.submission_id\n                USING ERRCODE = 'check_violation';\n        END IF;\n        RETURN NEW;\n    ", hash='ee5a4c334025f4d5e78038f586ce251608b767bb', operation='INSERT OR UPDATE', pgid='pgtrigger_sample_looker_no_party_41e59', table='approvals_sample', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='sample',
            trigger=pgtrigger.compiler.Trigger(name='sample_drawn_once', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n        IF (OLD.drawn_from_seal IS NOT NULL AND NEW.drawn_from_seal IS DISTINCT FROM OLD.drawn_from_seal)\n            OR OLD.submission_id <> NEW.submission_id\n            OR (OLD.state NOT IN ('waiting', 'open') AND NEW.state <> OLD.state) THEN\n            RAISE EXCEPTION 'A13: sample % was drawn and stays as it was', OLD.id USING ERRCODE = 'check_violation';\n        END IF;\n        RETURN NEW;\n    ", hash='4940a569ab24e09167ac378f1ef3ac065f78625a', operation='UPDATE', pgid='pgtrigger_sample_drawn_once_1c814', table='approvals_sample', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='sample',
            constraint=models.UniqueConstraint(condition=models.Q(('approval__isnull', True)), fields=('submission',), name='sample_once_per_submission'),
        ),
        migrations.AddConstraint(
            model_name='sample',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'not_drawn', 'open', 'fine', 'not_fine', 'unanswered', 'not_applicable'])), name='sample_state_known'),
        ),
        migrations.AddConstraint(
            model_name='sample',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'not_applicable']), ('drawn_from_seal__isnull', False), _connector='OR'), name='sample_drawn_from_a_seal'),
        ),
        migrations.AddConstraint(
            model_name='sample',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('looked_at__isnull', False), ('looked_by__isnull', False), ('state__in', ['fine', 'not_fine'])), models.Q(models.Q(('state__in', ['fine', 'not_fine']), _negated=True), ('looked_by__isnull', True)), _connector='OR'), name='sample_verdict_has_its_looker'),
        ),
    ]
