"""What a person read in the portal, and the mail that a person turned off. Earlier notices count as read."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('controls', '0003_closed_introduction'),
    ]

    operations = [
        migrations.CreateModel(
            name='UnwantedMail',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('event', models.CharField(max_length=60)),
            ],
        ),
        migrations.AddField(
            model_name='notice',
            name='read_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name='notice',
            index=models.Index(condition=models.Q(('read_at__isnull', True), models.Q(('event', 'digest'), _negated=True)), fields=['recipient', 'created_at'], name='notice_unread'),
        ),
        migrations.AddField(
            model_name='unwantedmail',
            name='person',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='unwantedmail',
            constraint=models.UniqueConstraint(fields=('person', 'event'), name='unwanted_mail_once'),
        ),
        migrations.RunSQL("UPDATE controls_notice SET read_at = created_at", migrations.RunSQL.noop),
    ]
