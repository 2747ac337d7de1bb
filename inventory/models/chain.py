"""Ends and chains of automations (A16).

`inventory.chains.transitions` computes both from approved versions and can rebuild them at any time. No decision rests
on these rows alone.
"""

from django.db import models
from django.db.models import F, Q

from inventory.models.automation import Automation
from inventory.models.credential import Credential
from inventory.models.identity import NonHumanIdentity
from inventory.models.resource import Resource


class ChainKind(models.TextChoices):
    """Kinds of links between two automations."""

    CALL = "call", "Call"
    TRIGGER = "trigger", "Trigger"
    IDENTITY = "identity", "Shared identity"
    CREDENTIAL = "credential", "Shared credential"
    STORE = "store", "Store"


class ChainEnd(models.Model):
    """One end of an automation in use; it is joined with every fitting end at the same point.

    A point is a callable address, a table, a channel, a credential or an identity. The number of rows depends on the
    version's content, not on other automations.
    """

    automation = models.ForeignKey(Automation, models.PROTECT, related_name="chain_ends")
    kind = models.CharField(max_length=10, choices=ChainKind)
    #: SHA-256 of the point; empty for a call with an unknown target.
    point = models.CharField(max_length=64, blank=True)
    #: Side of the automation; see `inventory.chains.chain_ends`.
    side = models.CharField(max_length=64)
    #: Name of the point for people; readers of the automation see it.
    thing = models.CharField(max_length=300, blank=True)
    resource = models.ForeignKey(Resource, models.PROTECT, null=True, blank=True, related_name="+")
    credential = models.ForeignKey(Credential, models.PROTECT, null=True, blank=True, related_name="+")
    identity = models.ForeignKey(NonHumanIdentity, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["automation", "kind", "point", "side"], name="chain_end_once"),
            models.CheckConstraint(name="chain_end_kind_known", condition=Q(kind__in=ChainKind.values)),
        )
        indexes = (models.Index(fields=["point", "side"], name="chain_end_by_point"),)

    def __str__(self) -> str:
        return f"{self.automation} {self.side} {self.thing}".strip()

    @property
    def key(self) -> tuple[str, str, str]:
        """Key by which two ends of an automation are the same."""
        return self.kind, self.point, self.side


class ChainMember(models.Model):
    """Chain of an automation in use: one row for each, also without a neighbour.

    The smallest key among the members names the chain, so every computation gives the same name.
    """

    automation = models.OneToOneField(Automation, models.PROTECT, primary_key=True, related_name="chain_member")
    chain = models.BigIntegerField(db_index=True)

    class Meta:
        constraints = (
            models.CheckConstraint(name="chain_known_by_its_first", condition=Q(chain__lte=F("automation"))),
        )

    def __str__(self) -> str:
        return f"{self.automation} in chain {self.chain}"
