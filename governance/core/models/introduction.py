"""Who closed the introduction on Home."""

from django.db import models

from governance.core.models.people import Person


class ClosedIntroduction(models.Model):
    """A person closed the explanation of the two decisions. Not governed: no history and no ledger event."""

    person = models.OneToOneField(Person, models.CASCADE, primary_key=True, related_name="closed_introduction")

    def __str__(self) -> str:
        return f"{self.person} closed the introduction"
