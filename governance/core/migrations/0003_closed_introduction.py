"""A person can close the explanation of the two decisions on Home."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("controls", "0002_plain_messages")]
    operations = [
        migrations.CreateModel(
            name="ClosedIntroduction",
            fields=[
                (
                    "person",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="closed_introduction",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                )
            ],
        )
    ]
