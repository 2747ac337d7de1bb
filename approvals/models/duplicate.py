"""Possible duplicates of a new automation, and the answers (I9)."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from approvals.models.approval import Decision
from approvals.models.submission import Submission
from governance.core.models import AppendOnly
from inventory.models import Automation


class Because(models.TextChoices):
    """Why two automations are similar."""

    SOURCE = "source", "The very same source"
    PRIVILEGES = "privileges", "Nearly the same privileges"


class LikenessQuerySet(models.QuerySet["Likeness"]):
    """Query set of likenesses."""

    def of_automation(self, automation: Automation) -> LikenessQuerySet:
        """Return an automation's likenesses with the other automations and the answers: one query if there are none."""
        answers = LikenessAnswer.objects.filter(decision__retraction__isnull=True).order_by("pk")
        related = ("other__team", models.Prefetch("answers", answers))
        return self.filter(automation=automation).prefetch_related(*related).order_by("pk")


class Likeness(AppendOnly):
    """A possible duplicate of a new automation, found at submission, open until a person who built neither answers it
    (I9).
    """

    automation = models.ForeignKey(Automation, models.PROTECT, related_name="likenesses")
    other = models.ForeignKey(Automation, models.PROTECT, related_name="+")
    submission = models.ForeignKey(Submission, models.PROTECT, related_name="likenesses")
    because = models.CharField(max_length=10, choices=Because)
    at = models.DateTimeField()

    objects = LikenessQuerySet.as_manager()

    class Meta(AppendOnly.Meta):
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=["automation", "other", "because"], name="likeness_once"),
            models.CheckConstraint(name="likeness_of_two", condition=~Q(automation=models.F("other"))),
            models.CheckConstraint(name="likeness_because_known", condition=Q(because__in=Because.values)),
        )
        verbose_name_plural = "likenesses"

    def __str__(self) -> str:
        return f"{self.automation} may be the same as {self.other}"

    @property
    def is_same(self) -> bool | None:
        """Whether it is the same, by its last answer of `LikenessQuerySet.of_automation`; None without an answer."""
        return next((answer.is_same for answer in reversed(self.answers.all())), None)


class LikenessAnswer(AppendOnly):
    """The answer whether it is the same, given with an approval of the app; it counts while that decision stands (I9)."""

    likeness = models.ForeignKey(Likeness, models.PROTECT, related_name="answers")
    decision = models.ForeignKey(Decision, models.PROTECT, related_name="likeness_answers")
    is_same = models.BooleanField()

    class Meta(AppendOnly.Meta):
        ordering = ("id",)
        constraints = (models.UniqueConstraint(fields=["likeness", "decision"], name="likeness_answer_once"),)

    def __str__(self) -> str:
        return f"{self.likeness}: {'the same' if self.is_same else 'another'}"
