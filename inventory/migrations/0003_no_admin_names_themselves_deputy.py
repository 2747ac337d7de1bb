"""Nobody names themselves as deputy either (S8)."""

from django.db import migrations, models
from django.db.models import F, Q

NAME = "resource_nobody_names_themselves"


class Migration(migrations.Migration):
    dependencies = [("inventory", "0002_suspended_by_review")]
    operations = [
        migrations.RemoveConstraint("resource", NAME),
        migrations.AddConstraint(
            "resource",
            models.CheckConstraint(
                name=NAME,
                condition=(Q(named_owner__isnull=True) | ~Q(named_owner=F("named_by")))
                & (Q(named_deputy__isnull=True) | ~Q(named_deputy=F("named_by"))),
            ),
        ),
    ]
