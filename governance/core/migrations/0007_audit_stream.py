"""How far the audit stream has come."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('controls', '0006_directory_entries'),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditStream',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('seal', models.BigIntegerField(default=0)),
                ('sent_at', models.DateTimeField(blank=True, null=True)),
                ('failing_since', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('pk', 1)), name='audit_stream_has_one_row')],
            },
        ),
    ]
