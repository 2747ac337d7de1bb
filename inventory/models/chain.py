"""What joins automations to chains (A16): the ends by which each could be joined, and the chain that each stands in.

Both are worked out from approved versions, by `inventory.chains.transitions` alone, and can be worked out anew at any time: no decision rests on a
row of theirs that the register does not say too.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from inventory.models.automation import Automation
from inventory.models.credential import Credential
from inventory.models.identity import NonHumanIdentity
from inventory.models.resource import Resource


class ChainKind(models.TextChoices):
    """By what two automations are joined."""

    CALL = "call", "Call"
    TRIGGER = "trigger", "Trigger"
    IDENTITY = "identity", "Shared identity"
    CREDENTIAL = "credential", "Shared credential"
    STORE = "store", "Store"


class ChainEnd(models.Model):
    """One end of what joins an automation in use with whatever has the other end at the same point.

    A point is what two automations meet at: something that can be called, a table, a channel, a credential, an identity. Its rows are as
    many as what its version holds, however many others meet it there.
    """

    automation = models.ForeignKey(Automation, models.PROTECT, related_name="chain_ends")
    kind = models.CharField(max_length=10, choices=ChainKind)
    #: SHA-256 of what they meet at; empty for a call of which nobody knows whom it calls.
    point = models.CharField(max_length=64, blank=True)
    #: What it does there; see `inventory.chains.chain_ends`.
    side = models.CharField(max_length=64)
    #: What the point is, for people; whoever sees the automation sees these.
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


class ChainMember(models.Model):
    """The chain in which an automation in use stands: one row for each, also where it stands alone.

    A chain is known by the smallest key among its members, so that it is the same chain however it was worked out.
    """

    automation = models.OneToOneField(Automation, models.PROTECT, primary_key=True, related_name="chain_member")
    chain = models.BigIntegerField(db_index=True)

    class Meta:
        constraints = (
            models.CheckConstraint(name="chain_known_by_its_first", condition=Q(chain__lte=F("automation"))),
        )

    def __str__(self) -> str:
        return f"{self.automation} in chain {self.chain}"
