import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('inventory', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='version',
            name='meets',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(blank=True, max_length=140), editable=False, null=True, size=None),
        ),
        migrations.CreateModel(
            name='ChainMember',
            fields=[
                ('automation', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='chain_member', serialize=False, to='inventory.automation')),
                ('chain', models.BigIntegerField(db_index=True)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('chain__lte', models.F('automation'))), name='chain_known_by_its_first')],
            },
        ),
        migrations.CreateModel(
            name='ChainEnd',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('call', 'Call'), ('trigger', 'Trigger'), ('identity', 'Shared identity'), ('credential', 'Shared credential'), ('store', 'Store')], max_length=10)),
                ('point', models.CharField(blank=True, max_length=64)),
                ('side', models.CharField(max_length=64)),
                ('thing', models.CharField(blank=True, max_length=300)),
                ('automation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='chain_ends', to='inventory.automation')),
                ('credential', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='inventory.credential')),
                ('identity', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='inventory.nonhumanidentity')),
                ('resource', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='inventory.resource')),
            ],
            options={
                'indexes': [models.Index(fields=['point', 'side'], name='chain_end_by_point')],
                'constraints': [models.UniqueConstraint(fields=('automation', 'kind', 'point', 'side'), name='chain_end_once'), models.CheckConstraint(condition=models.Q(('kind__in', ['call', 'trigger', 'identity', 'credential', 'store'])), name='chain_end_kind_known')],
            },
        ),
    ]
