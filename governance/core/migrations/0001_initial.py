import datetime
import django.contrib.postgres.constraints
import django.contrib.postgres.fields
import django.contrib.postgres.fields.ranges
import django.contrib.postgres.indexes
import django.contrib.postgres.operations
import django.db.models.deletion
import django.db.models.expressions
import django.utils.timezone
import governance.core.models.ledger
import pgtrigger.compiler
import pgtrigger.migrations
import simple_history.models
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        django.contrib.postgres.operations.BtreeGistExtension(
        ),
        django.contrib.postgres.operations.TrigramExtension(
        ),
        migrations.CreateModel(
            name='FreeText',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text', models.TextField()),
                ('key', models.BinaryField(max_length=32)),
                ('digest', models.CharField(max_length=64)),
                ('erased_at', models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name='Person',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('opaque_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('source', models.CharField(default='local', max_length=60)),
                ('subject', models.CharField(max_length=255)),
                ('name', models.CharField(max_length=120)),
                ('email', models.EmailField(blank=True, max_length=254)),
                ('title', models.CharField(blank=True, max_length=120)),
                ('time_zone', models.CharField(blank=True, max_length=60)),
                ('is_active', models.BooleanField(default=True)),
                ('is_staff', models.BooleanField(default=False)),
                ('left_at', models.DateTimeField(blank=True, null=True)),
                ('kept_out_until', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
            ],
            options={
                'verbose_name_plural': 'people',
                'ordering': ('name', 'id'),
                'constraints': [models.UniqueConstraint(fields=('source', 'subject'), name='person_one_per_source_subject')],
            },
        ),
        migrations.CreateModel(
            name='Team',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120)),
                ('lead_since', models.DateTimeField(blank=True, null=True)),
                ('deputy_lead_since', models.DateTimeField(blank=True, null=True)),
                ('kind', models.CharField(choices=[('business', 'Business'), ('fallback', 'Fallback owners'), ('security', 'Security'), ('oncall', 'On call')], default='business', max_length=12)),
                ('deputy_lead', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='deputy_leads', to=settings.AUTH_USER_MODEL)),
                ('lead', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='leads', to=settings.AUTH_USER_MODEL)),
                ('parent', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='children', to='controls.team')),
            ],
            options={
                'ordering': ('name', 'id'),
                'constraints': [models.CheckConstraint(condition=models.Q(('lead__isnull', True), models.Q(('lead', models.F('deputy_lead')), _negated=True), _connector='OR'), name='team_lead_is_not_deputy'), models.CheckConstraint(condition=models.Q(('kind__in', ['business', 'fallback', 'security', 'oncall'])), name='team_known_kind')],
            },
        ),
        migrations.CreateModel(
            name='HistoricalApiToken',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('shown', models.CharField(max_length=16)),
                ('made_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.TextField(null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('person', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('team', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='controls.team')),
            ],
            options={
                'verbose_name': 'historical token',
                'verbose_name_plural': 'historical tokens',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='HistoricalDelegation',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('from_at', models.DateTimeField()),
                ('until_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.TextField(null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('giver', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('reason', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='controls.freetext')),
                ('taker', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical delegation',
                'verbose_name_plural': 'historical delegations',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='HistoricalErasure',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('asked_at', models.DateTimeField()),
                ('confirmed_at', models.DateTimeField(blank=True, null=True)),
                ('dropped_at', models.DateTimeField(blank=True, null=True)),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.TextField(null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('asked_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('confirmed_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('person', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical erasure',
                'verbose_name_plural': 'historical erasures',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='HistoricalPerson',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('opaque_id', models.UUIDField(db_index=True, default=uuid.uuid4, editable=False)),
                ('source', models.CharField(default='local', max_length=60)),
                ('time_zone', models.CharField(blank=True, max_length=60)),
                ('is_active', models.BooleanField(default=True)),
                ('is_staff', models.BooleanField(default=False)),
                ('left_at', models.DateTimeField(blank=True, null=True)),
                ('kept_out_until', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.TextField(null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical person',
                'verbose_name_plural': 'historical people',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='RoleAssignment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(max_length=40)),
                ('proposed_at', models.DateTimeField()),
                ('confirmed_at', models.DateTimeField()),
                ('until', models.DateTimeField(blank=True, null=True)),
                ('by_bootstrap', models.BooleanField(default=False)),
                ('confirmed_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='role_assignments', to=settings.AUTH_USER_MODEL)),
                ('proposed_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('restores', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='controls.roleassignment')),
                ('team', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to='controls.team')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('proposed_by__isnull', True), models.Q(('proposed_by', models.F('person')), _negated=True), _connector='OR'), models.Q(('confirmed_by__isnull', True), models.Q(('confirmed_by', models.F('person')), _negated=True), _connector='OR')), name='role_nobody_assigns_themselves'), models.CheckConstraint(condition=models.Q(('confirmed_by__isnull', True), models.Q(('confirmed_by', models.F('proposed_by')), _negated=True), _connector='OR'), name='role_second_admin_confirms'), models.CheckConstraint(condition=models.Q(('by_bootstrap', True), ('restores__isnull', False), models.Q(('confirmed_by__isnull', False), ('proposed_by__isnull', False)), _connector='OR'), name='role_by_two_admins'), models.CheckConstraint(condition=models.Q(('role__in', ['builder', 'security_reviewer', 'auditor', 'admin', 'on_call'])), name='role_known'), models.UniqueConstraint(condition=models.Q(('until__isnull', True)), fields=('person', 'role', 'team'), name='role_once_at_a_time', nulls_distinct=False)],
            },
        ),
        migrations.CreateModel(
            name='HistoricalRoleAssignment',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('role', models.CharField(max_length=40)),
                ('proposed_at', models.DateTimeField()),
                ('confirmed_at', models.DateTimeField()),
                ('until', models.DateTimeField(blank=True, null=True)),
                ('by_bootstrap', models.BooleanField(default=False)),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.TextField(null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('confirmed_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('person', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('proposed_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('restores', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='controls.roleassignment')),
                ('team', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='controls.team')),
            ],
            options={
                'verbose_name': 'historical role assignment',
                'verbose_name_plural': 'historical role assignments',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='HistoricalTeam',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('name', models.CharField(max_length=120)),
                ('lead_since', models.DateTimeField(blank=True, null=True)),
                ('deputy_lead_since', models.DateTimeField(blank=True, null=True)),
                ('kind', models.CharField(choices=[('business', 'Business'), ('fallback', 'Fallback owners'), ('security', 'Security'), ('oncall', 'On call')], default='business', max_length=12)),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.TextField(null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('deputy_lead', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('lead', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('parent', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='controls.team')),
            ],
            options={
                'verbose_name': 'historical team',
                'verbose_name_plural': 'historical teams',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='HistoricalWebhookEndpoint',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('opaque_id', models.UUIDField(db_index=True, default=uuid.uuid4, editable=False)),
                ('host', models.CharField(max_length=260)),
                ('format', models.CharField(choices=[('slack', 'Slack'), ('teams', 'Microsoft Teams'), ('json', 'Signed JSON')], max_length=5)),
                ('events', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), size=None)),
                ('key_number', models.PositiveSmallIntegerField(default=1)),
                ('state', models.CharField(choices=[('active', 'Active'), ('paused', 'Paused'), ('removed', 'Removed')], default='active', max_length=7)),
                ('paused_why', models.CharField(blank=True, max_length=200)),
                ('made_at', models.DateTimeField()),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.TextField(null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('made_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('team', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='controls.team')),
            ],
            options={
                'verbose_name': 'historical webhook',
                'verbose_name_plural': 'historical webhooks',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='JobRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('job', models.CharField(max_length=60)),
                ('started_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('began_at', models.DateTimeField()),
                ('seen_at', models.DateTimeField(blank=True, null=True)),
                ('counts', models.JSONField(default=dict)),
                ('error', models.CharField(blank=True, max_length=300)),
            ],
            options={
                'indexes': [models.Index(fields=['job', '-id'], name='job_run_latest')],
            },
        ),
        migrations.CreateModel(
            name='LedgerEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('event_id', models.UUIDField(default=uuid.uuid4, unique=True)),
                ('xid', governance.core.models.ledger.TransactionId(db_default=governance.core.models.ledger.CurrentTransaction(), editable=False)),
                ('at', models.DateTimeField()),
                ('actor_kind', models.CharField(choices=[('person', 'Person'), ('job', 'Job'), ('workload', 'Workload')], max_length=12)),
                ('actor_id', models.CharField(max_length=80)),
                ('for_id', models.CharField(blank=True, max_length=80)),
                ('verb', models.CharField(max_length=80)),
                ('subject_type', models.CharField(max_length=60)),
                ('subject_id', models.CharField(max_length=40)),
                ('about', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=100), default=list, size=None)),
                ('correlation', models.UUIDField()),
                ('outcome', models.CharField(choices=[('done', 'Done'), ('refused', 'Refused')], default='done', max_length=8)),
                ('code', models.CharField(blank=True, max_length=40)),
                ('payload', models.JSONField(default=dict)),
                ('digest', models.CharField(max_length=64)),
                ('reason', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='controls.freetext')),
            ],
            options={
                'ordering': ('xid', 'id'),
                'abstract': False,
                'indexes': [models.Index(fields=['xid', 'id'], name='ledger_seal_order'), models.Index(fields=['subject_type', 'subject_id', '-id'], name='ledger_subject'), models.Index(fields=['actor_id', '-id'], name='ledger_actor'), models.Index(fields=['verb', '-id'], name='ledger_verb'), django.contrib.postgres.indexes.GinIndex(fields=['about'], name='ledger_about')],
                'constraints': [models.CheckConstraint(condition=models.Q(('actor_kind__in', ['person', 'job', 'workload'])), name='ledger_known_actor_kind'), models.CheckConstraint(condition=models.Q(models.Q(('code', ''), ('outcome', 'done')), models.Q(('outcome', 'refused'), models.Q(('code', ''), _negated=True)), _connector='OR'), name='ledger_refused_has_code')],
            },
        ),
        migrations.CreateModel(
            name='Membership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('since', models.DateTimeField(blank=True, null=True)),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to=settings.AUTH_USER_MODEL)),
                ('team', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='controls.team')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('team', 'person'), name='membership_once')],
            },
        ),
        migrations.CreateModel(
            name='Notice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=200, unique=True)),
                ('event', models.CharField(max_length=60)),
                ('thread', models.CharField(max_length=120)),
                ('context', models.JSONField(default=dict)),
                ('state', models.CharField(choices=[('waiting', "Waiting for the day's digest"), ('carried', 'In a digest'), ('dropped', 'Dropped'), ('queued', 'Queued'), ('sending', 'Sending'), ('sent', 'Sent'), ('failed', 'Failed')], default='queued', max_length=8)),
                ('message_id', models.CharField(max_length=120)),
                ('created_at', models.DateTimeField()),
                ('claimed_at', models.DateTimeField(blank=True, null=True)),
                ('sent_at', models.DateTimeField(blank=True, null=True)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('error', models.CharField(blank=True, max_length=300)),
                ('subject', models.CharField(blank=True, max_length=200)),
                ('text', models.TextField(blank=True)),
                ('html', models.TextField(blank=True)),
                ('dates', models.TextField(blank=True, db_default='', default='')),
                ('digest', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='carried', to='controls.notice')),
                ('recipient', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='notices', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state', 'queued')), fields=['created_at'], name='notice_queued'), models.Index(condition=models.Q(('state', 'sending')), fields=['claimed_at'], name='notice_sending'), models.Index(condition=models.Q(('state', 'waiting')), fields=['recipient', 'created_at'], name='notice_waiting'), models.Index(fields=['recipient', '-id'], name='notice_recipient')],
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'carried', 'dropped', 'queued', 'sending', 'sent', 'failed'])), name='notice_known_state'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'sent'), _negated=True), ('sent_at__isnull', False), _connector='OR'), name='notice_sent_says_when'), models.CheckConstraint(condition=models.Q(models.Q(('digest__isnull', False), ('state', 'carried')), models.Q(models.Q(('state', 'carried'), _negated=True), ('digest__isnull', True)), _connector='OR'), name='notice_carried_by_its_digest')],
            },
        ),
        migrations.CreateModel(
            name='Seal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.BigIntegerField(unique=True)),
                ('first', models.BigIntegerField()),
                ('last', models.BigIntegerField()),
                ('last_xid', governance.core.models.ledger.TransactionId()),
                ('count', models.IntegerField()),
                ('total', models.BigIntegerField()),
                ('root', models.CharField(max_length=64)),
                ('previous', models.CharField(max_length=64)),
                ('key_id', models.CharField(max_length=64)),
                ('signature', models.CharField(max_length=128)),
                ('at', models.DateTimeField()),
            ],
            options={
                'ordering': ('number',),
                'abstract': False,
                'indexes': [models.Index(fields=['last_xid', 'last'], name='seal_end')],
                'constraints': [models.CheckConstraint(condition=models.Q(('count__gte', 1), ('number__gte', 1)), name='seal_covers_something')],
            },
        ),
        migrations.CreateModel(
            name='WebhookEndpoint',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('opaque_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('host', models.CharField(max_length=260)),
                ('sealed_url', models.TextField()),
                ('format', models.CharField(choices=[('slack', 'Slack'), ('teams', 'Microsoft Teams'), ('json', 'Signed JSON')], max_length=5)),
                ('events', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), size=None)),
                ('key_number', models.PositiveSmallIntegerField(default=1)),
                ('state', models.CharField(choices=[('active', 'Active'), ('paused', 'Paused'), ('removed', 'Removed')], default='active', max_length=7)),
                ('paused_why', models.CharField(blank=True, max_length=200)),
                ('made_at', models.DateTimeField()),
                ('made_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('team', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='webhooks', to='controls.team')),
            ],
            options={
                'verbose_name': 'webhook',
                'ordering': ('id',),
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['active', 'paused', 'removed'])), name='webhook_state_known'), models.CheckConstraint(condition=models.Q(('format__in', ['slack', 'teams', 'json'])), name='webhook_format_known'), models.CheckConstraint(condition=models.Q(('events__len__gt', 0)), name='webhook_tells_of_something')],
            },
        ),
        migrations.CreateModel(
            name='WebhookDelivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=200, unique=True)),
                ('event', models.CharField(max_length=60)),
                ('context', models.JSONField(default=dict)),
                ('state', models.CharField(choices=[('queued', 'Queued'), ('sending', 'Sending'), ('sent', 'Sent'), ('failed', 'Failed')], default='queued', max_length=7)),
                ('created_at', models.DateTimeField()),
                ('claimed_at', models.DateTimeField(blank=True, null=True)),
                ('sent_at', models.DateTimeField(blank=True, null=True)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('status', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('error', models.CharField(blank=True, max_length=300)),
                ('endpoint', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='deliveries', to='controls.webhookendpoint')),
            ],
            options={
                'verbose_name_plural': 'webhook deliveries',
                'indexes': [models.Index(condition=models.Q(('state__in', ['queued', 'sending'])), fields=['created_at'], name='delivery_unsent'), models.Index(fields=['endpoint', '-id'], name='delivery_endpoint'), models.Index(fields=['endpoint', '-claimed_at', '-id'], name='delivery_tried')],
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['queued', 'sending', 'sent', 'failed'])), name='delivery_known_state'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'sent'), _negated=True), ('sent_at__isnull', False), _connector='OR'), name='delivery_sent_says_when')],
            },
        ),
        migrations.CreateModel(
            name='ApiToken',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(blank=True, max_length=80)),
                ('shown', models.CharField(max_length=16)),
                ('secret_digest', models.CharField(max_length=64, unique=True)),
                ('made_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('last_used_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='api_tokens', to=settings.AUTH_USER_MODEL)),
                ('team', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='api_tokens', to='controls.team')),
            ],
            options={
                'verbose_name': 'token',
                'ordering': ('-id',),
                'constraints': [models.CheckConstraint(condition=models.Q(('expires_at__gt', models.F('made_at')), ('expires_at__lte', django.db.models.expressions.CombinedExpression(models.F('made_at'), '+', models.Value(datetime.timedelta(days=90), output_field=models.DurationField())))), name='token_ends_in_time')],
            },
        ),
        migrations.CreateModel(
            name='ClockOffset',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('offset', models.DurationField(default=datetime.timedelta)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('pk', 1)), name='clock_has_one_row')],
            },
        ),
        migrations.CreateModel(
            name='Erasure',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('asked_at', models.DateTimeField()),
                ('confirmed_at', models.DateTimeField(blank=True, null=True)),
                ('dropped_at', models.DateTimeField(blank=True, null=True)),
                ('asked_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('confirmed_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='erasures', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('id',),
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('asked_by', models.F('person')), _negated=True), models.Q(('confirmed_by__isnull', True), models.Q(('confirmed_by', models.F('person')), _negated=True), _connector='OR')), name='erasure_nobody_themself'), models.CheckConstraint(condition=models.Q(('confirmed_by__isnull', True), models.Q(('confirmed_by', models.F('asked_by')), _negated=True), _connector='OR'), name='erasure_second_admin_confirms'), models.CheckConstraint(condition=models.Q(models.Q(('confirmed_at__isnull', True), ('confirmed_by__isnull', True)), models.Q(('confirmed_at__isnull', False), ('confirmed_by__isnull', False), ('dropped_at__isnull', True)), _connector='OR'), name='erasure_confirmed_or_dropped'), models.UniqueConstraint(condition=models.Q(('dropped_at__isnull', True)), fields=('person',), name='erasure_once_at_a_time')],
            },
        ),
        migrations.CreateModel(
            name='Delegation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('from_at', models.DateTimeField()),
                ('until_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('giver', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='delegations_given', to=settings.AUTH_USER_MODEL)),
                ('taker', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='delegations_taken', to=settings.AUTH_USER_MODEL)),
                ('reason', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='controls.freetext')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('giver', models.F('taker')), _negated=True), name='delegation_to_another'), models.CheckConstraint(condition=models.Q(('until_at__gt', models.F('from_at')), ('until_at__lte', django.db.models.expressions.CombinedExpression(models.F('from_at'), '+', models.Value(datetime.timedelta(days=30), output_field=models.DurationField())))), name='delegation_at_most_30_days'), django.contrib.postgres.constraints.ExclusionConstraint(condition=models.Q(('ended_at__isnull', True)), expressions=[('giver', '='), (models.Func(models.F('from_at'), models.F('until_at'), function='TSTZRANGE', output_field=django.contrib.postgres.fields.ranges.DateTimeRangeField()), '&&')], name='delegation_one_at_a_time')],
            },
        ),
        migrations.AddField(
            model_name='team',
            name='members',
            field=models.ManyToManyField(related_name='teams', through='controls.Membership', to=settings.AUTH_USER_MODEL),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='freetext',
            trigger=pgtrigger.compiler.Trigger(name='kept_or_erased', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n        IF TG_OP = 'DELETE' OR (NEW.id, NEW.digest) IS DISTINCT FROM (OLD.id, OLD.digest)\n            OR NEW.erased_at IS NULL OR NEW.erased_at < OLD.erased_at OR octet_length(NEW.key) > 0\n            OR NOT (NEW.text = '' OR (NEW.text LIKE '%Erased person%' AND OLD.text LIKE replace(replace(replace(replace(NEW.text, '\\', '\\\\'), '%', '\\%'), '_', '\\_'), 'Erased person', '_%'))) THEN\n            RAISE EXCEPTION 'H6: a text is kept as it is, or erased with its key (text %)', OLD.id\n                USING ERRCODE = 'check_violation';\n        END IF;\n        RETURN NEW;\n    ", hash='c2c563f885220cd0d64e6e6d04819351b291f28c', operation='UPDATE OR DELETE', pgid='pgtrigger_kept_or_erased_fc2c4', table='controls_freetext', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='freetext',
            trigger=pgtrigger.compiler.Trigger(name='never_truncated', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'H2: % stays on record and is not truncated', TG_TABLE_NAME;", hash='7d883a06be53d1a9faff9c653168878eec1561f3', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_truncated_42598', table='controls_freetext', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='seal',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='71b18af7d364ab39d8667caf624d7f6e13305c6a', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_6864a', table='controls_seal', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='seal',
            trigger=pgtrigger.compiler.Trigger(name='never_truncated', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'H2: % is append-only and is not truncated', TG_TABLE_NAME;", hash='2a58919fbf4bd7b0ebb18795aab9afa730308afd', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_truncated_b5a77', table='controls_seal', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='person',
            trigger=pgtrigger.compiler.Trigger(name='never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='df934245ec97fbd71739a9e91e7bf634f739348d', operation='DELETE', pgid='pgtrigger_never_deleted_392ef', table='controls_person', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='person',
            trigger=pgtrigger.compiler.Trigger(name='never_truncated', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'H2: % stays on record and is not truncated', TG_TABLE_NAME;", hash='2955e9f3791a62302ba3d823c8d90d0a1c2720a3', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_truncated_cd1a7', table='controls_person', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='erasure',
            trigger=pgtrigger.compiler.Trigger(name='never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='fa986ee3dfc62fe6f406ae4153cc698bed585f81', operation='DELETE', pgid='pgtrigger_never_deleted_ff006', table='controls_erasure', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='erasure',
            trigger=pgtrigger.compiler.Trigger(name='never_truncated', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'H2: % stays on record and is not truncated', TG_TABLE_NAME;", hash='60857fdc7488749ba1d0dbbc2c6b0f5455ed9781', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_truncated_39bdf', table='controls_erasure', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='erasure',
            trigger=pgtrigger.compiler.Trigger(name='erased_after_leaving', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n        IF NEW.dropped_at IS NULL AND NOT EXISTS (\n            SELECT 1 FROM controls_person WHERE id = NEW.person_id AND left_at IS NOT NULL) THEN\n            RAISE EXCEPTION 'H6: only whoever has left is erased (person %)', NEW.person_id\n                USING ERRCODE = 'check_violation';\n        END IF;\n        RETURN NEW;\n    ", hash='531155d55b703760c3f43209fbdf853d784003f7', operation='INSERT OR UPDATE', pgid='pgtrigger_erased_after_leaving_22d5f', table='controls_erasure', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='erasure',
            trigger=pgtrigger.compiler.Trigger(name='erasure_stays', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."confirmed_at" IS NOT NULL)', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='a34b585a08e030eca9e9a97aecc805f163be73f5', operation='UPDATE', pgid='pgtrigger_erasure_stays_73661', table='controls_erasure', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='delegation',
            trigger=pgtrigger.compiler.Trigger(name='delegation_same_responsibility', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n        IF (TG_OP = 'INSERT' OR (NEW.giver_id, NEW.taker_id) <> (OLD.giver_id, OLD.taker_id))\n            AND NOT may_stand_in(NEW.giver_id, NEW.taker_id, NEW.from_at) THEN\n            RAISE EXCEPTION 'A11: person % does not share the responsibility of person %', NEW.taker_id, NEW.giver_id\n                USING ERRCODE = 'check_violation';\n        END IF;\n        RETURN NEW;\n    ", hash='59a354d4feae74848fe3b64b0ce18cca451e175c', operation='INSERT OR UPDATE', pgid='pgtrigger_delegation_same_responsibility_8d1c0', table='controls_delegation', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='delegation',
            trigger=pgtrigger.compiler.Trigger(name='never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='fd1ce8b99aeab7013d9b2ffc9bf8ebe2c765bfc5', operation='DELETE', pgid='pgtrigger_never_deleted_50cc4', table='controls_delegation', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='delegation',
            trigger=pgtrigger.compiler.Trigger(name='never_truncated', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'H2: % stays on record and is not truncated', TG_TABLE_NAME;", hash='a2f3e2eceb43a8ab994c36454e5e1311be92305f', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_truncated_bc9f5', table='controls_delegation', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='historicaldelegation',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='3f6b696e9e0f8718608bc9dda4e9d326441a9c16', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_faa0a', table='controls_historicaldelegation', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='historicaldelegation',
            trigger=pgtrigger.compiler.Trigger(name='never_truncated', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'H2: % is append-only and is not truncated', TG_TABLE_NAME;", hash='1be940c503ee63afaf08ed09e8687eed4ae81f73', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_truncated_a1dc0', table='controls_historicaldelegation', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='historicalerasure',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='2c41d519ae9ecb9199a125d41b231af34cd8bb0b', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_7b9d7', table='controls_historicalerasure', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='historicalerasure',
            trigger=pgtrigger.compiler.Trigger(name='never_truncated', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'H2: % is append-only and is not truncated', TG_TABLE_NAME;", hash='2a1b15191593b686530380e04898ae79c800c7a1', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_truncated_09006', table='controls_historicalerasure', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='historicalperson',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='1c817aa8212b3dddcc882ad919b682b3eebeaa17', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_d2fd8', table='controls_historicalperson', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='historicalperson',
            trigger=pgtrigger.compiler.Trigger(name='never_truncated', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'H2: % is append-only and is not truncated', TG_TABLE_NAME;", hash='c00cf71cfbdb2d3ef2b1bc9250cdf481a505f114', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_truncated_b1332', table='controls_historicalperson', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='ledgerevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='a5c97a586e395dd054d81a64c1c6cd5d11926c7c', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_55c32', table='controls_ledgerevent', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='ledgerevent',
            trigger=pgtrigger.compiler.Trigger(name='never_truncated', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'H2: % is append-only and is not truncated', TG_TABLE_NAME;", hash='37bd420bc4ce1e819b58d5d97fb833bbc1c82da2', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_truncated_c9bb0', table='controls_ledgerevent', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='ledgerevent',
            trigger=pgtrigger.compiler.Trigger(name='written_now', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE sealed xid8;', func="\n        NEW.xid = pg_current_xact_id();\n        IF NEW.id > (SELECT last_value FROM controls_ledgerevent_id_seq) THEN\n            RAISE EXCEPTION 'H1: event % takes an id that its sequence has not given yet', NEW.id USING ERRCODE = 'check_violation';\n        END IF;\n        SELECT last_xid INTO sealed FROM controls_seal ORDER BY number DESC LIMIT 1;\n        IF sealed IS NOT NULL AND NEW.xid <= sealed THEN\n            RAISE EXCEPTION 'H2: transaction % is not above the last sealed one, %: run ledger_catch_up', NEW.xid, sealed\n                USING ERRCODE = 'object_not_in_prerequisite_state';\n        END IF;\n        RETURN NEW;\n    ", hash='adabd514a4a29923d73ffe62ae6da8bb6b83f7d9', operation='INSERT', pgid='pgtrigger_written_now_de833', table='controls_ledgerevent', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='team',
            trigger=pgtrigger.compiler.Trigger(name='never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='dd29336d236d866d5600528730984f6966c48653', operation='DELETE', pgid='pgtrigger_never_deleted_03f4a', table='controls_team', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='team',
            trigger=pgtrigger.compiler.Trigger(name='never_truncated', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'H2: % stays on record and is not truncated', TG_TABLE_NAME;", hash='e70122438a640224d209de5138f1e3606f86735b', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_truncated_0f70a', table='controls_team', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='roleassignment',
            trigger=pgtrigger.compiler.Trigger(name='bootstrap_once', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NEW."by_bootstrap")', func="\n        IF TG_OP = 'UPDATE' AND OLD.by_bootstrap THEN\n            RETURN NEW;\n        END IF;\n        IF TG_OP = 'UPDATE' OR EXISTS (SELECT 1 FROM controls_ledgerevent WHERE xid <> pg_current_xact_id()) THEN\n            RAISE EXCEPTION 'S9: bootstrap runs once' USING ERRCODE = 'check_violation';\n        END IF;\n        IF NEW.role NOT IN ('admin', 'security_reviewer') OR NEW.until IS NOT NULL\n            OR (SELECT count(*) FROM controls_roleassignment r WHERE r.by_bootstrap AND r.role = NEW.role) >= 2\n            OR EXISTS (SELECT 1 FROM controls_roleassignment r WHERE r.by_bootstrap AND r.person_id = NEW.person_id) THEN\n            RAISE EXCEPTION 'S9: bootstrap names two admins and two others as security reviewers' USING ERRCODE = 'check_violation';\n        END IF;\n        RETURN NEW;\n    ", hash='8744f06cfe18f1e26658644ca00daf992e6fb3c9', operation='INSERT OR UPDATE', pgid='pgtrigger_bootstrap_once_2d226', table='controls_roleassignment', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='roleassignment',
            trigger=pgtrigger.compiler.Trigger(name='never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='1756e94d8453c7b447701cb2567bfc485b01ff9d', operation='DELETE', pgid='pgtrigger_never_deleted_78917', table='controls_roleassignment', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='roleassignment',
            trigger=pgtrigger.compiler.Trigger(name='never_truncated', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'H2: % stays on record and is not truncated', TG_TABLE_NAME;", hash='e128f2e04768aab07c9be06ba3890bb2e71862bd', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_truncated_57407', table='controls_roleassignment', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='membership',
            trigger=pgtrigger.compiler.Trigger(name='never_truncated', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'H2: % holds who belongs to which team and is not truncated', TG_TABLE_NAME;", hash='b983fd9dc2b6264562f59682401835ef2329c5ce', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_truncated_fbdf1', table='controls_membership', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='historicalwebhookendpoint',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='08fc5faa857ee5bf81a25b91c7cc7fcfc0c142dc', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_658c7', table='controls_historicalwebhookendpoint', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='historicalwebhookendpoint',
            trigger=pgtrigger.compiler.Trigger(name='never_truncated', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'H2: % is append-only and is not truncated', TG_TABLE_NAME;", hash='75a3726324428173a5a58815f0e9f091fd0639c4', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_truncated_1db7e', table='controls_historicalwebhookendpoint', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='historicalteam',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='08e445322f97e9ef40f34792fb2172b2e7eb6e61', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_b82ef', table='controls_historicalteam', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='historicalteam',
            trigger=pgtrigger.compiler.Trigger(name='never_truncated', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'H2: % is append-only and is not truncated', TG_TABLE_NAME;", hash='b50d7b63a3443ef20141cde7ace3dc70deaa10cf', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_truncated_223b9', table='controls_historicalteam', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='historicalroleassignment',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='e9968f620292fd0ebba1fd39129e60cfae4db7b5', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_e8101', table='controls_historicalroleassignment', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='historicalroleassignment',
            trigger=pgtrigger.compiler.Trigger(name='never_truncated', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'H2: % is append-only and is not truncated', TG_TABLE_NAME;", hash='2ec4c3672b9494f4001c840fef72e890eabe2675', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_truncated_f867c', table='controls_historicalroleassignment', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='historicalapitoken',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='1476a593de59732e686c74cb05ffffb9d7f47440', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_a8c94', table='controls_historicalapitoken', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='historicalapitoken',
            trigger=pgtrigger.compiler.Trigger(name='never_truncated', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'H2: % is append-only and is not truncated', TG_TABLE_NAME;", hash='c3d688ca4d3ca323211aa373e3ae0cbebcefe1ea', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_truncated_76063', table='controls_historicalapitoken', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='apitoken',
            trigger=pgtrigger.compiler.Trigger(name='stays_as_made', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n        IF (NEW.person_id, NEW.team_id, NEW.secret_digest, NEW.shown, NEW.made_at, NEW.expires_at)\n            IS DISTINCT FROM (OLD.person_id, OLD.team_id, OLD.secret_digest, OLD.shown, OLD.made_at, OLD.expires_at)\n            OR (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at) THEN\n            RAISE EXCEPTION 'S5: a token stays what it was made as' USING ERRCODE = 'check_violation';\n        END IF;\n        RETURN NEW;\n    ", hash='24353b724955d4bf40e51491d72648cefd31e97c', operation='UPDATE', pgid='pgtrigger_stays_as_made_e9174', table='controls_apitoken', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='apitoken',
            trigger=pgtrigger.compiler.Trigger(name='never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='ed0ba0b3f7a8ce6c308aea557f415a6fc08ca6b1', operation='DELETE', pgid='pgtrigger_never_deleted_d24ab', table='controls_apitoken', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='apitoken',
            trigger=pgtrigger.compiler.Trigger(name='never_truncated', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'H2: % stays on record and is not truncated', TG_TABLE_NAME;", hash='c2c734a8979fcd6b5f1832f6946f11d21002a8b3', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_truncated_0c292', table='controls_apitoken', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='webhookendpoint',
            trigger=pgtrigger.compiler.Trigger(name='never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='f9537133df7c026a4987f30b994e4e79f47646e8', operation='DELETE', pgid='pgtrigger_never_deleted_383b0', table='controls_webhookendpoint', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='webhookendpoint',
            trigger=pgtrigger.compiler.Trigger(name='never_truncated', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'H2: % stays on record and is not truncated', TG_TABLE_NAME;", hash='6a30bf4c6e98e0994aefe4fabab8e306825f6148', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_truncated_62eef', table='controls_webhookendpoint', when='BEFORE')),
        ),
    ]
