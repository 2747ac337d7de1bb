"""What one cause would end all at once is held in batches (G6)."""

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
import simple_history.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('approvals', '0015_revocation_tasks'),
        ('controls', '0002_message_ids'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='EndCause',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=80, unique=True)),
                ('title', models.CharField(blank=True, max_length=200)),
                ('person', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='HeldBatch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('opened_at', models.DateTimeField()),
                ('answer_by', models.DateTimeField()),
                ('state', models.CharField(choices=[('open', 'Open'), ('released', 'Released'), ('discarded', 'Discarded'), ('lapsed', 'Not answered in time')], default='open', max_length=10)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('comes_again', models.BooleanField(default=False)),
                ('live', models.PositiveIntegerField()),
                ('lately', models.PositiveIntegerField()),
                ('cause', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='batches', to='approvals.endcause')),
            ],
            options={
                'ordering': ('-id',),
            },
        ),
        migrations.CreateModel(
            name='BatchAnswer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(max_length=40)),
                ('says', models.CharField(choices=[('release', 'Release'), ('discard', 'Discard')], max_length=8)),
                ('said_at', models.DateTimeField()),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('reason', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='controls.freetext')),
                ('batch', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='answers', to='approvals.heldbatch')),
            ],
            options={
                'ordering': ('id',),
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='HeldGrant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('tier', models.CharField(max_length=8)),
                ('why', models.CharField(max_length=40)),
                ('batch', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='held', to='approvals.heldbatch')),
                ('grant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='approvals.grant')),
            ],
            options={
                'ordering': ('id',),
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='HistoricalHeldBatch',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('opened_at', models.DateTimeField()),
                ('answer_by', models.DateTimeField()),
                ('state', models.CharField(choices=[('open', 'Open'), ('released', 'Released'), ('discarded', 'Discarded'), ('lapsed', 'Not answered in time')], default='open', max_length=10)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('comes_again', models.BooleanField(default=False)),
                ('live', models.PositiveIntegerField()),
                ('lately', models.PositiveIntegerField()),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.TextField(null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('cause', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='approvals.endcause')),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical held batch',
                'verbose_name_plural': 'historical held batchs',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='LetThrough',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('by_release', models.BooleanField(default=False)),
                ('cause', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='let_through', to='approvals.endcause')),
                ('grant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='approvals.grant')),
            ],
            options={
                'abstract': False,
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='endcause',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='6dd9ceb4620b71a9c825b52dc182b1df3745efaa', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_786dc', table='approvals_endcause', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='endcause',
            trigger=pgtrigger.compiler.Trigger(name='never_truncated', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'H2: % is append-only and is not truncated', TG_TABLE_NAME;", hash='ff952f94b8ec40ed37191705762d2d73f07510ef', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_truncated_13880', table='approvals_endcause', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='heldbatch',
            index=models.Index(condition=models.Q(('state', 'open')), fields=['answer_by'], name='held_batch_open'),
        ),
        migrations.AddConstraint(
            model_name='heldbatch',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['open', 'released', 'discarded', 'lapsed'])), name='held_batch_state_known'),
        ),
        migrations.AddConstraint(
            model_name='heldbatch',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', True), ('state', 'open')), models.Q(models.Q(('state', 'open'), _negated=True), ('ended_at__isnull', False)), _connector='OR'), name='held_batch_ended_says_when'),
        ),
        migrations.AddConstraint(
            model_name='heldbatch',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'lapsed'), _negated=True), ('ended_at__gte', models.F('answer_by')), _connector='OR'), name='held_batch_lapses_in_time'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='heldbatch',
            trigger=pgtrigger.compiler.Trigger(name='held_batch_by_both', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE agreed integer;', func="\n        IF TG_OP = 'INSERT' THEN\n            IF NEW.state <> 'open' THEN\n                RAISE EXCEPTION 'G6: a batch is open first (cause %)', NEW.cause_id USING ERRCODE = 'check_violation';\n            END IF;\n            RETURN NEW;\n        END IF;\n        IF OLD.state <> 'open' AND NEW IS DISTINCT FROM OLD\n            OR (NEW.cause_id, NEW.opened_at, NEW.answer_by, NEW.comes_again)\n               IS DISTINCT FROM (OLD.cause_id, OLD.opened_at, OLD.answer_by, OLD.comes_again) THEN\n            RAISE EXCEPTION 'G6: what became of batch % stays', OLD.id USING ERRCODE = 'check_violation';\n        END IF;\n        IF NEW.state IN ('released', 'discarded') THEN\n            SELECT count(DISTINCT last.person_id) INTO agreed FROM (SELECT DISTINCT ON (a.role) a.role, a.person_id, a.says FROM approvals_batchanswer a\n           WHERE a.batch_id = NEW.id ORDER BY a.role, a.id DESC) last\n                WHERE last.says = CASE NEW.state WHEN 'released' THEN 'release' ELSE 'discard' END;\n            IF agreed < 2 THEN\n                RAISE EXCEPTION 'G6: security and an admin say the same of a batch (%)', OLD.id\n                    USING ERRCODE = 'check_violation';\n            END IF;\n        END IF;\n        RETURN NEW;\n    ", hash='cdf7aff7fda2938df73cdfbe80b3f447b8f26e64', operation='INSERT OR UPDATE', pgid='pgtrigger_held_batch_by_both_c5f9b', table='approvals_heldbatch', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='heldbatch',
            trigger=pgtrigger.compiler.Trigger(name='never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='ac9e18f79afb5633b4fbedca0968cb9c5800fd60', operation='DELETE', pgid='pgtrigger_never_deleted_09dfe', table='approvals_heldbatch', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='heldbatch',
            trigger=pgtrigger.compiler.Trigger(name='never_truncated', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'H2: % stays on record and is not truncated', TG_TABLE_NAME;", hash='26caaf40d85f362e5042930847f48cb748d7624a', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_truncated_7ef7e', table='approvals_heldbatch', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='batchanswer',
            constraint=models.CheckConstraint(condition=models.Q(('says__in', ['release', 'discard'])), name='batch_answer_known'),
        ),
        migrations.AddConstraint(
            model_name='batchanswer',
            constraint=models.CheckConstraint(condition=models.Q(('role__in', ['security_reviewer', 'admin'])), name='batch_answer_role'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='batchanswer',
            trigger=pgtrigger.compiler.Trigger(name='batch_answer_two_others', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n        IF NOT EXISTS (SELECT 1 FROM approvals_heldbatch b WHERE b.id = NEW.batch_id AND b.state = 'open') THEN\n            RAISE EXCEPTION 'G6: batch % has ended', NEW.batch_id USING ERRCODE = 'check_violation';\n        END IF;\n        IF NOT EXISTS (SELECT 1 FROM controls_roleassignment r WHERE r.person_id = NEW.person_id AND r.role = NEW.role\n                       AND r.confirmed_at <= NEW.said_at AND (r.until IS NULL OR r.until > NEW.said_at)) THEN\n            RAISE EXCEPTION 'G6: who answers as % holds that role (batch %)', NEW.role, NEW.batch_id\n                USING ERRCODE = 'check_violation';\n        END IF;\n        IF EXISTS (SELECT 1 FROM approvals_heldbatch b JOIN approvals_endcause c ON c.id = b.cause_id\n                   WHERE b.id = NEW.batch_id AND c.person_id = NEW.person_id) THEN\n            RAISE EXCEPTION 'G6: who caused a batch does not answer it (%)', NEW.batch_id\n                USING ERRCODE = 'check_violation';\n        END IF;\n        IF EXISTS (SELECT 1 FROM approvals_batchanswer a WHERE a.batch_id = NEW.batch_id AND a.role <> NEW.role\n                   AND (a.person_id = NEW.person_id OR EXISTS (\n                        SELECT 1 FROM controls_delegation d WHERE d.from_at <= NEW.said_at AND d.until_at > a.said_at\n                        AND (d.ended_at IS NULL OR d.ended_at > a.said_at)\n                        AND (d.giver_id, d.taker_id) IN\n                            ((a.person_id, NEW.person_id), (NEW.person_id, a.person_id))))) THEN\n            RAISE EXCEPTION 'G6: two people answer a batch, who do not stand in for each other (%)', NEW.batch_id\n                USING ERRCODE = 'check_violation';\n        END IF;\n        RETURN NEW;\n    ", hash='0ac5fe2a4ec1edb61e52870d2c07b3c147633bd2', operation='INSERT', pgid='pgtrigger_batch_answer_two_others_23148', table='approvals_batchanswer', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='batchanswer',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='5af01c5aa2eabaf028a1d7763d7cadeddbd92c4a', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_9fcf3', table='approvals_batchanswer', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='batchanswer',
            trigger=pgtrigger.compiler.Trigger(name='never_truncated', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'H2: % is append-only and is not truncated', TG_TABLE_NAME;", hash='d5b9e47819a4d784661a907914e651b2fc88e7b5', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_truncated_df6fb', table='approvals_batchanswer', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='heldgrant',
            constraint=models.UniqueConstraint(fields=('batch', 'grant'), name='held_grant_once'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='heldgrant',
            trigger=pgtrigger.compiler.Trigger(name='held_while_open', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n        IF NOT EXISTS (SELECT 1 FROM approvals_heldbatch b WHERE b.id = NEW.batch_id AND b.state = 'open') THEN\n            RAISE EXCEPTION 'G6: batch % has ended', NEW.batch_id USING ERRCODE = 'check_violation';\n        END IF;\n        IF EXISTS (SELECT 1 FROM approvals_heldgrant h JOIN approvals_heldbatch b ON b.id = h.batch_id\n                   JOIN approvals_heldbatch mine ON mine.id = NEW.batch_id AND mine.cause_id = b.cause_id\n                   WHERE h.grant_id = NEW.grant_id AND b.state = 'open' AND b.id <> mine.id) THEN\n            RAISE EXCEPTION 'G6: grant % is held already', NEW.grant_id USING ERRCODE = 'check_violation';\n        END IF;\n        RETURN NEW;\n    ", hash='0481bdbec548f5a873d540397747bb2459c0df6c', operation='INSERT', pgid='pgtrigger_held_while_open_72117', table='approvals_heldgrant', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='heldgrant',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='49e9c2f14de4a9478c1613f3a0e451db069a34ed', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_1dfd8', table='approvals_heldgrant', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='heldgrant',
            trigger=pgtrigger.compiler.Trigger(name='never_truncated', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'H2: % is append-only and is not truncated', TG_TABLE_NAME;", hash='b49b53b51e2cc6557ddc058ec3a29fe50599d77f', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_truncated_c5be5', table='approvals_heldgrant', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='historicalheldbatch',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='fb475b12e9cdf59538c2aff3f26c6085041f1ec8', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_ef884', table='approvals_historicalheldbatch', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='historicalheldbatch',
            trigger=pgtrigger.compiler.Trigger(name='never_truncated', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'H2: % is append-only and is not truncated', TG_TABLE_NAME;", hash='ed8379e6fb73931514431e61290acddc605e019b', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_truncated_c5dd7', table='approvals_historicalheldbatch', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='letthrough',
            index=models.Index(fields=['cause', 'at'], name='let_through_lately'),
        ),
        migrations.AddConstraint(
            model_name='letthrough',
            constraint=models.UniqueConstraint(fields=('cause', 'grant'), name='let_through_once'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='letthrough',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='0fe98a2b9f49f623aa1f302e24f209f8f486b639', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_ff774', table='approvals_letthrough', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='letthrough',
            trigger=pgtrigger.compiler.Trigger(name='never_truncated', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'H2: % is append-only and is not truncated', TG_TABLE_NAME;", hash='4f0a25295b4bcc88b41ff80ac890b54bb44f70ad', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_truncated_d150b', table='approvals_letthrough', when='BEFORE')),
        ),
    ]
