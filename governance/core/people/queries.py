"""Reads about people and their roles."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q

from governance.core.models import Person, RoleAssignment
from governance.core.roles.roles import Role


def people_with(role: Role, now: datetime) -> models.QuerySet[Person]:
    """The people who hold a role at ``now`` and are here."""
    rows = RoleAssignment.objects.filter(Q(until__isnull=True) | Q(until__gt=now), role=role, confirmed_at__lte=now)
    return Person.objects.filter(pk__in=rows.values("person"), is_active=True, left_at__isnull=True)
