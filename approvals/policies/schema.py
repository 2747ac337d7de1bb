"""The schema of a policy document: names, types and limits; and checks across its parts (T3).

A higher tier never has fewer signatures, longer terms or more time.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, product
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from approvals.models.waiver import LONGEST_WAIVER, WAIVERS_IN_A_ROW
from approvals.policies.yaml_document import Path

TierWord = Literal["low", "standard", "high"]
LevelWord = Literal["read", "write", "execute", "admin"]
ClassWord = Literal["public", "internal", "confidential", "restricted"]
HarmWord = Literal["outbound", "irreversible"]
PlaceWord = Literal["development", "test", "production"]
Days = Annotated[int, Field(ge=1, le=365)]
WorkingDays = Annotated[int, Field(ge=1, le=60)]
T = TypeVar("T")


class Part(BaseModel):
    """A part of the document. It refuses unknown names and values of the wrong type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class High(Part):
    """What makes a privilege or an app high risk (T1, T2)."""

    #: Access levels that are high whatever they are on.
    levels: list[LevelWord]
    #: Data classes on which everything is high.
    data_classes: list[ClassWord]
    #: Data classes on which everything but reading is high.
    non_read_on: list[ClassWord]
    #: Whether what a model chooses is high unless it only reads.
    non_read_chosen_by_model: bool
    #: Else what makes it high: it carries data out, or it can't be undone.
    non_read_chosen_by_model_if: list[HarmWord]
    #: Environments in which opaque code is high: its text is missing, or uses network, imports, processes or evaluation.
    opaque_code_in: list[PlaceWord]
    #: Whether an app that anybody can start is high unless it only reads.
    open_entry_with_non_read: bool


class Low(Part):
    """Limits for low risk (T1)."""

    #: Access levels that may be low: reading, or none.
    levels: list[Literal["read"]]
    #: Data classes that may be low.
    data_classes: list[Literal["public", "internal"]]


class AtLeast(Part):
    """Minimum tier by kind of automation (T2)."""

    workflow: TierWord = "low"
    ai_app: TierWord = "low"
    agent: TierWord = "low"
    script: TierWord = "low"
    integration: TierWord = "low"
    pipeline: TierWord = "low"


class Tiers(Part):
    """How tiers are computed (T1, T2)."""

    high: High
    low: Low
    at_least: AtLeast


class ByTier(Part, Generic[T]):
    """A value for each tier."""

    low: T
    standard: T
    high: T


class Seats(Part):
    """Signatures by kind (T3)."""

    app: ByTier[list[Literal["lead", "security"]]]
    privilege: ByTier[list[Literal["owner", "security"]]]
    credential: ByTier[list[Literal["owner", "security"]]]


class DaysByTier(Part):
    """Days by tier, within the limits of the product (G1, R1)."""

    low: Days
    standard: Annotated[int, Field(ge=1, le=180)]
    high: Annotated[int, Field(ge=1, le=90)]


class ReviewDays(Part):
    """Days until a review by tier, longer than a review stays open (R1)."""

    low: Annotated[int, Field(ge=15, le=365)]
    standard: Annotated[int, Field(ge=22, le=180)]
    high: Annotated[int, Field(ge=31, le=90)]


class LightPath(Part):
    """Limits of auto-approval (A13)."""

    grants: Annotated[int, Field(ge=0, le=50)]
    days: Annotated[int, Field(ge=7, le=365)]


class Sampling(Part):
    """Spot checks of auto-approved items (A12, A13)."""

    one_in: Annotated[int, Field(ge=1, le=100)]
    working_days: Annotated[int, Field(ge=1, le=20)]


class Signals(Part):
    """Limits for mutual approvals before a signal (S10)."""

    mutual: Annotated[int, Field(ge=1, le=100)]
    share: Annotated[int, Field(ge=50, le=100)]
    days: Annotated[int, Field(ge=7, le=365)]


class FreshSignIn(Part):
    """Maximum age of a sign-in in minutes for a decision (S5); a missing tier allows any age."""

    low: Annotated[int, Field(ge=1, le=1440)] | None = None
    standard: Annotated[int, Field(ge=1, le=1440)] | None = None
    high: Annotated[int, Field(ge=1, le=60)]


class Proposals(Part):
    """Time limits of proposals (S8)."""

    at_once_hours: Annotated[int, Field(ge=1, le=72)]
    open_days: Annotated[int, Field(ge=1, le=90)]


class Conflicts(Part):
    """Days to resolve or waive conflicts older than their rule, by the rule's rating (S6)."""

    low: Annotated[int, Field(ge=1, le=90)]
    medium: Annotated[int, Field(ge=1, le=90)]
    high: Annotated[int, Field(ge=1, le=30)]


class Waivers(Part):
    """Length and number of consecutive waivers (S7)."""

    days: Annotated[int, Field(ge=1, le=LONGEST_WAIVER.days)]
    in_a_row: Annotated[int, Field(ge=1, le=WAIVERS_IN_A_ROW)]


class Events(Part):
    """Events that bring a review forward (R1)."""

    unused_days: Annotated[int, Field(ge=14, le=180)]
    quiet_days: Annotated[int, Field(ge=0, le=180)]


class Brake(Part):
    """Limits on ends by one cause within an hour, and the time to answer a held batch (G6)."""

    share: Annotated[int, Field(ge=1, le=50)]
    #: Ten or fewer are never held (docs/decisions/0032).
    grants: Annotated[int, Field(ge=11, le=10_000)]
    hours: Annotated[int, Field(ge=1, le=24)]


class Document(Part):
    """One policy: tiers, signatures, terms, due dates, the light path and all limits."""

    #: T1, T2: how a tier is computed.
    tiers: Tiers
    #: T3: whose signatures each question needs.
    seats: Seats
    #: G1: the longest term of a grant, in days.
    longest_term: DaysByTier
    #: R1: days until what is held comes up for review.
    review_after: ReviewDays
    #: A10: working days until a record is due.
    due_working_days: ByTier[WorkingDays]
    #: A10: working days until a record expires.
    expires_working_days: ByTier[WorkingDays]
    #: A14: working days that a builder has to answer.
    builder_working_days: WorkingDays
    #: A15: days for which an earlier refusal counts.
    resubmission_days: Days
    #: A13: what policy itself approves.
    light_path: LightPath
    #: A12, A13: what gets a spot check afterwards.
    sampling: Sampling
    #: S10: when mutual approvals become a signal.
    signals: Signals
    #: I1: tiers that need two different owners.
    two_owners: list[TierWord]
    #: S5: how old a sign-in may be for a decision.
    fresh_sign_in_minutes: FreshSignIn
    #: S5, P1: tiers whose decisions need a sign-in with a second factor.
    second_factor: list[TierWord]
    #: S8: how long a proposal stands.
    proposals: Proposals
    #: S6: days to resolve what was held before its rule was enforced.
    conflicts: Conflicts
    #: S7: how long a waiver lasts, and how many follow each other.
    waivers: Waivers
    #: R1: when what happens brings a review forward.
    events: Events
    #: R4, R6: days from the suspension by a review to the end of the access.
    correction_days: Annotated[int, Field(ge=1, le=30)]
    #: G4: hours to take away elsewhere what has ended here.
    revocation_hours: Annotated[int, Field(ge=1, le=168)]
    #: G6: how much one cause may end at once.
    brake: Brake


#: Path, problem and fix.
Inconsistency = tuple[Path, str, str]

TIERS = ("low", "standard", "high")
STEPS = tuple(pairwise(TIERS))
RATINGS = ("low", "medium", "high")
#: The signature that each kind always needs: from the team's lead or the resource's owner (T3).
FIRST = {"app": "lead", "privilege": "owner", "credential": "owner"}
SHRINKING = ("longest_term", "review_after", "due_working_days", "expires_working_days")


def problems(document: Mapping[str, Any]) -> Iterator[Inconsistency]:
    """Yield each inconsistency of a complete and well-typed document."""
    yield from _repeated(document, ())
    yield from _seats(document["seats"])
    yield from _tiers(document["tiers"])
    yield from _shrinking(document)
    yield from _upwards(document)
    yield from _fresh(document["fresh_sign_in_minutes"])


def _repeated(part: object, path: Path) -> Iterator[Inconsistency]:
    if isinstance(part, Mapping):
        for name, value in part.items():
            yield from _repeated(value, (*path, name))
    elif isinstance(part, Sequence) and not isinstance(part, str) and len(set(part)) != len(part):
        yield path, "Something stands in this list twice.", "Each seat is listed once: seats need different people."


def _seats(seats: Mapping[str, Mapping[str, Sequence[str]]]) -> Iterator[Inconsistency]:
    for kind, by_tier in seats.items():
        for tier in TIERS:
            if FIRST[kind] not in by_tier[tier]:
                yield ("seats", kind, tier), f"Nothing is approved without the {FIRST[kind]}.", f"Add {FIRST[kind]}."
        for below, above in STEPS:
            less = [label for label in by_tier[below] if label not in by_tier[above]]
            if less:
                sentence = f"{above.capitalize()} risk would need fewer approvals than {below}."
                yield ("seats", kind, above), sentence, f"Add {', '.join(less)}."


def _tiers(tiers: Mapping[str, Any]) -> Iterator[Inconsistency]:
    for name, words in (("levels", "level"), ("data_classes", "data class")):
        both = [value for value in tiers["low"][name] if value in tiers["high"][name]]
        if both:
            sentence = f"The {words} {both[0]} is high and can't be low too."
            yield ("tiers", "low", name), sentence, "Take it out of one of the two."


def _shrinking(document: Mapping[str, Any]) -> Iterator[Inconsistency]:
    for name in SHRINKING:
        yield from _longer(name, document[name], TIERS, "{} risk would have longer than {}.")
    yield from _longer("conflicts", document["conflicts"], RATINGS, "{}-rated conflicts would have longer than {}.")
    for tier in TIERS:
        if document["expires_working_days"][tier] < document["due_working_days"][tier]:
            due = document["due_working_days"][tier]
            yield ("expires_working_days", tier), "It would expire before it is due.", f"At least {due}."


def _longer(name: str, days: Mapping[str, int], order: Sequence[str], sentence: str) -> Iterator[Inconsistency]:
    for below, above in pairwise(order):
        if days[above] > days[below]:
            to_do = f"At most {days[below]} for {above}, or at least {days[above]} for {below}."
            yield (name, above), sentence.format(above.capitalize(), below), to_do


def _upwards(document: Mapping[str, Any]) -> Iterator[Inconsistency]:
    for name, (below, above) in product(("two_owners", "second_factor"), STEPS):
        if below in document[name] and above not in document[name]:
            yield (name,), f"A rule for {below} risk applies to {above} risk too.", f"Add {above}."


def _fresh(minutes: Mapping[str, int | None]) -> Iterator[Inconsistency]:
    for below, above in STEPS:
        less, more = minutes.get(below), minutes.get(above)
        if less is not None and (more is None or more > less):
            sentence = f"{above.capitalize()} risk would take an older sign-in than {below}."
            yield ("fresh_sign_in_minutes", above), sentence, f"At most {less}."
