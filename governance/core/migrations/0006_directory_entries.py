"""Users and groups as a directory describes them (P1)."""
import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('controls', '0005_linked_accounts'),
    ]

    operations = [
        migrations.CreateModel(
            name='DirectoryEntry',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('source', models.CharField(max_length=60)),
                ('kind', models.CharField(choices=[('User', 'User'), ('Group', 'Group')], max_length=8)),
                ('document', models.JSONField()),
                ('user_name', models.CharField(blank=True, max_length=255)),
                ('external_id', models.CharField(blank=True, max_length=255)),
                ('version', models.PositiveIntegerField(default=1)),
                ('created_at', models.DateTimeField()),
                ('modified_at', models.DateTimeField()),
                ('person', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='directory_entries', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name_plural': 'directory entries',
                'ordering': ('created_at', 'id'),
                'indexes': [models.Index(fields=['source', 'kind', 'external_id'], name='entry_external_id')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('kind', 'User')), fields=('source', 'user_name'), name='entry_one_per_user_name'), models.UniqueConstraint(condition=models.Q(('kind', 'User'), models.Q(('external_id', ''), _negated=True)), fields=('source', 'external_id'), name='entry_one_per_external_id')],
            },
        ),
    ]
