"""Figures of the dashboard."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('controls', '0002_plain_messages'),
    ]

    operations = [
        migrations.CreateModel(
            name='Figure',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('name', models.CharField(max_length=60)),
                ('value', models.PositiveIntegerField()),
                ('at', models.DateTimeField()),
                ('team', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='controls.team')),
            ],
            options={
                'indexes': [models.Index(fields=['day', 'name'], name='figure_by_name')],
                'constraints': [models.UniqueConstraint(fields=('day', 'team', 'name'), name='figure_once_a_day', nulls_distinct=False)],
            },
        ),
    ]
