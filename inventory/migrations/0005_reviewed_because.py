"""Why an automation is reviewed before its time (I2, T4)."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('inventory', '0004_interim_owners'),
    ]

    operations = [
        migrations.AddField(
            model_name='automation',
            name='review_because',
            field=models.CharField(blank=True, max_length=40),
        ),
        migrations.AddField(
            model_name='historicalautomation',
            name='review_because',
            field=models.CharField(blank=True, max_length=40),
        ),
    ]
