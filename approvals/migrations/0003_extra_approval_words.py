"""Conflicts need an extra approval, and an extra approval follows a rejection (S6, A15): labels only."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("approvals", "0002_plain_messages")]
    operations = [
        migrations.AlterField(
            model_name="conflictrule",
            name="mode",
            field=models.CharField(
                choices=[("record", "Record"), ("approval", "Needs an extra approval"), ("enforce", "Refused")],
                max_length=8,
            ),
        ),
        migrations.AlterField(
            model_name="seat",
            name="label",
            field=models.CharField(
                choices=[
                    ("lead", "Team lead"),
                    ("owner", "Resource owner"),
                    ("security", "Security"),
                    ("second", "Extra approval"),
                    ("conflict", "Conflict"),
                ],
                max_length=10,
            ),
        ),
    ]
