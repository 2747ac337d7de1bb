"""The person who imports, and a preview of theirs with the posted answers in its draft."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from django import forms
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404

from approvals.intake import drafts
from approvals.intake.drafts import NO_TEAM, Draft
from approvals.intake.preview import queries as previews
from approvals.intake.preview.rows import Preview
from approvals.intake.views import preview_page, preview_rows
from approvals.intake.views.forms import AutomationForm, posted_answers, without_id
from approvals.intake.views.preview_rows import Form
from governance.core.access import Actor, Refusal, Relation, refuse
from governance.core.models import Person, Team
from governance.core.teams.queries import teams_of
from governance.web.pages import pager
from governance.web.pages.page import page
from governance.web.requests.request import Request, number
from inventory.automations import lineages
from inventory.automations.rules import ReaderRelations
from inventory.importers.manifest import Manifest, platform_name
from inventory.models import Automation, ImportItem, ImportState, Resource
from inventory.ownership import rules as ownership_rules
from inventory.resources.transitions import resources as transition_resources

#: Maximum number of resources to choose from on a page; search finds the others.
MOST_OPTIONS = 300


@dataclass(frozen=True)
class Builder:
    """The person who imports, one instant of business time, and the teams they may import for."""

    actor: Actor
    person: Person
    now: datetime
    teams: tuple[Team, ...]

    @classmethod
    def for_request(cls, request: Request) -> Builder:
        """The signed-in person."""
        person = request.actor.person
        if person is None:
            raise Http404("Only a person imports.")
        return cls(request.actor, person, request.now(), tuple(teams_of(person)))

    def team(self, wanted: int | None) -> Team:
        """Return the team with this id; without an id, their first team.

        Raises:
            Http404: not a team of theirs.
            NotPermitted: they have no team.
        """
        if not self.teams:
            raise refuse(NO_TEAM)
        match = next((team for team in self.teams if team.pk == wanted), None)
        if wanted is not None and match is None:
            raise Http404("No team of yours has this id.")
        return match or self.teams[0]

    def relations_to(self, team: Team) -> ReaderRelations:
        """Their relations to one of their teams. They belong to it if they do not lead it: `teams_of` found it."""
        leads = self.person.pk in (team.lead_id, team.deputy_lead_id)
        return ReaderRelations(
            self.person, frozenset({Relation.TEAM_MEMBER} | ({Relation.TEAM_LEAD} if leads else set()))
        )

    def find(self, pk: int) -> ImportItem:
        """Return one of their own previews.

        Raises:
            Http404: no such preview, or it was discarded or refused.
        """
        previews_found = ImportItem.objects.visible_to(self.actor, self.now).filter(batch__by=self.person)
        previews_found = previews_found.filter(progress__in=(ImportState.PREVIEW, ImportState.CONFIRMED))
        return get_object_or_404(previews_found.select_related("batch", "team", "version__automation"), pk=pk)

    def options(self, words: Sequence[str] = ()) -> tuple[list[Resource], bool]:
        """Resources that a connection may open and that match every word, by name; and whether there are more."""
        resources = list(pager.search(self.choosable(), words).order_by("name", "pk")[: MOST_OPTIONS + 1])
        return resources[:MOST_OPTIONS], len(resources) > MOST_OPTIONS

    def choosable(self) -> QuerySet[Resource]:
        """Resources that a connection may open."""
        return drafts.choosable_resources(self.actor, self.now)


@dataclass
class Work:
    """One preview that a builder edits.

    Args:
        builder: the person.
        item: the preview.
        team: the team that owns it.
        draft: the answers so far, with those of this request.
    """

    builder: Builder
    item: ImportItem
    team: Team
    draft: Draft

    @classmethod
    def begin(cls, builder: Builder, item: ImportItem) -> Work:
        """Load a preview with its saved draft. A team that the builder has left no longer counts."""
        draft = Draft.load(item)
        kept = draft.team or item.team_id
        usual = drafts.usual_resources(Manifest.from_dict(item.manifest))
        draft = replace(draft, chosen={**usual, **draft.chosen})
        return cls(builder, item, builder.team(kept if kept in {team.pk for team in builder.teams} else None), draft)

    @classmethod
    def take(cls, builder: Builder, item: ImportItem, posted: QueryDict) -> Work:
        """Save the posted answers in the draft, even if a later step is refused.

        Raises:
            Http404: a team, automation or resource that the builder can't choose.
            OutOfTurn: the preview is confirmed or discarded.
            InvalidInput: an invalid term. It is not read as the maximum; the other answers are saved.
        """
        work = cls.begin(builder, drafts.preview_to_continue(item, builder.now))
        draft = work.draft
        if "team" in posted:
            work.team = builder.team(number(str(posted["team"])))
        if "automation" in posted:
            draft = replace(draft, automation=number(str(posted["automation"])))
        if "sibling" in posted:
            draft = replace(draft, sibling=number(str(posted["sibling"])) or 0)
        draft = replace(draft, team=work.team.pk, fields={**draft.fields, **posted_answers(posted)})
        work.draft = draft.with_rows({name: str(value) for name, value in posted.items()}, work.manifest)
        work._check_choices(posted)
        drafts.keep(work.item, work.draft, work.team)
        if not all(drafts.is_term(str(value)) for name, value in posted.items() if name.startswith("term-")):
            sentence = "A term is a number of days: choose one."
            raise refuse(Refusal("A7", "input", sentence, "Everything else that you typed is kept."))
        return work

    @property
    def manifest(self) -> Manifest:
        """Manifest of the export."""
        return Manifest.from_dict(self.item.manifest)

    @cached_property
    def owners_of_new(self) -> list[Person]:
        """Eligible owners of a new automation of the team."""
        return ownership_rules.possible_owners(self.team, None, self.builder.now)

    @property
    def may_register(self) -> bool:
        """Whether the builder may propose a resource for the team."""
        propose, builder = transition_resources.propose_resource, self.builder
        return propose.refusal(self.team, actor=builder.actor, now=builder.now) is None

    def _check_choices(self, posted: QueryDict) -> None:
        given = [number(str(value)) for name, value in posted.items() if name.startswith("bind-")]
        wanted = {pk for pk in given if pk is not None}
        if wanted and self.builder.choosable().filter(pk__in=wanted).count() != len(wanted):
            raise Http404("No resource that you see has this id.")
        named = number(posted.get("automation"))
        if named is not None and not Automation.objects.filter(pk=named, team=self.team, external_id="").exists():
            raise Http404("No automation of this team that a file without an id could belong to has this id.")
        below = number(posted.get("sibling"))
        if below and not Automation.objects.filter(pk=below, team=self.team).exists():
            raise Http404("No automation of this team that this could be promoted from has this id.")

    def load_preview(self) -> Preview:
        """Load the preview as it would be submitted now."""
        builder = self.builder
        return previews.load_preview(
            self.item,
            actor=builder.actor,
            now=builder.now,
            team=self.team,
            draft=self.draft,
            relations=builder.relations_to(self.team),
            usual_owner=lambda: drafts.usual_owner(self.team, self.owners_of_new),
        )

    def automation_form(self, preview: Preview, data: QueryDict | None = None) -> AutomationForm:
        """The form beside the rows; bound to ``data`` if its errors are to be shown."""
        source = preview.content.manifest.source
        platform = platform_name(preview.content.manifest)
        environment = preview.content.automation.environment
        others = [] if source.external_id else without_id(self.team, platform, environment)
        is_open = preview.content.registered is None and preview.refusal is None and not preview.is_certain
        below = preview.sibling.pk if preview.sibling is not None else 0
        named = {
            "name": preview.content.automation.name,
            "team": self.team.pk,
            "automation": preview.draft.automation,
            "sibling": below,
        }
        registered = preview.content.registered
        people = self.owners_of_new
        if registered is not None:
            people = ownership_rules.possible_owners(self.team, registered, self.builder.now)
        return AutomationForm(
            data,
            people=people,
            teams=self.builder.teams,
            automations=others,
            siblings=lineages.sibling_choices(self.team, environment, preview.sibling) if is_open else [],
            initial={**named, **preview.draft.fields},
        )

    def page(
        self, request: Request, preview: Preview, details: forms.Form, *, submitted: bool = False, status: int = 200
    ) -> HttpResponse:
        """Render the preview's page, or the parts that changed."""
        is_open = any(preview_rows.may_choose(preview, row) for row in preview.wanted)
        options, has_more = self.builder.options() if is_open else ([], False)
        form = Form(details, options, has_more, self.may_register, submitted)
        context = preview_page.context(preview, form)
        # These change with the route.
        also = ("title", "standing", "missing", "unnamed", "counts", "checks", "chain", "facts")
        return page(request, "approvals/intake/preview.html", context, fragment="route", also=also, status=status)
