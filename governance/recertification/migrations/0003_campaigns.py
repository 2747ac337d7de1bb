import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('approvals', '0008_rules_at_once'),
        ('controls', '0002_message_ids'),
        ('inventory', '0004_controls'),
        ('recertification', '0002_answers_say_what_was_seen'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Joining',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
            ],
            options={
                'ordering': ('id',),
                'abstract': False,
            },
        ),
        migrations.RemoveConstraint(
            model_name='campaign',
            name='campaign_state_known',
        ),
        migrations.AddField(
            model_name='campaign',
            name='asked_to',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='campaign',
            name='automations_to',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='campaign',
            name='automations_until',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='campaign',
            name='expected',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='campaign',
            name='grants_to',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='campaign',
            name='grants_until',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='campaign',
            name='opened_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='campaign',
            name='reason',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='controls.freetext'),
        ),
        migrations.AddField(
            model_name='historicalcampaign',
            name='asked_to',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='historicalcampaign',
            name='automations_to',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='historicalcampaign',
            name='automations_until',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='historicalcampaign',
            name='expected',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='historicalcampaign',
            name='grants_to',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='historicalcampaign',
            name='grants_until',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='historicalcampaign',
            name='opened_by',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='historicalcampaign',
            name='reason',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='controls.freetext'),
        ),
        migrations.AddField(
            model_name='historicalitem',
            name='nobody',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name='item',
            name='nobody',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AlterField(
            model_name='campaign',
            name='state',
            field=models.CharField(choices=[('opening', 'Opening'), ('open', 'Open'), ('closed', 'Closed')], default='open', max_length=8),
        ),
        migrations.AlterField(
            model_name='historicalcampaign',
            name='state',
            field=models.CharField(choices=[('opening', 'Opening'), ('open', 'Open'), ('closed', 'Closed')], default='open', max_length=8),
        ),
        migrations.AlterField(
            model_name='item',
            name='campaign',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='items', to='recertification.campaign'),
        ),
        migrations.AddIndex(
            model_name='item',
            index=models.Index(fields=['campaign', 'id'], name='item_of_campaign'),
        ),
        migrations.AddIndex(
            model_name='item',
            index=models.Index(condition=models.Q(('nobody', True), models.Q(('state', 'closed'), _negated=True)), fields=['campaign'], name='item_nobody'),
        ),
        migrations.AddConstraint(
            model_name='campaign',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['opening', 'open', 'closed'])), name='campaign_state_known'),
        ),
        migrations.AddConstraint(
            model_name='campaign',
            constraint=models.UniqueConstraint(condition=models.Q(('kind', 'adhoc'), models.Q(('state', 'closed'), _negated=True)), fields=('name',), name='campaign_name_once'),
        ),
        migrations.AddField(
            model_name='joining',
            name='campaign',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='joinings', to='recertification.campaign'),
        ),
        migrations.AddField(
            model_name='joining',
            name='item',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='joinings', to='recertification.item'),
        ),
        migrations.AddConstraint(
            model_name='joining',
            constraint=models.UniqueConstraint(fields=('campaign', 'item'), name='joining_once'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='joining',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='1728041a53fbd4547bcf796da1968a38f3969271', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_baa95', table='recertification_joining', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='joining',
            trigger=pgtrigger.compiler.Trigger(name='never_truncated', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'H2: % is append-only and is not truncated', TG_TABLE_NAME;", hash='21e7dde90e375d7460c3886584302f05bb9fa56d', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_truncated_e3ec7', table='recertification_joining', when='BEFORE')),
        ),
    ]
