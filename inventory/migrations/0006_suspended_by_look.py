"""A look at what changed suspends an automation, and no answer of a review lifts that (A12)."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('inventory', '0005_bindings_by_their_owner'),
    ]

    operations = [
        migrations.AddField(
            model_name='automation',
            name='suspended_by_look_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='historicalautomation',
            name='suspended_by_look_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
