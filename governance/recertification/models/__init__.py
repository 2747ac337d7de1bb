"""Models of recertification: campaigns, items, questions and answers."""

from governance.recertification.models.campaign import Campaign, CampaignKind, CampaignState
from governance.recertification.models.item import (
    CHANGED,
    SETTLING,
    UNCLOSED,
    WAITING,
    Answer,
    AnswerKind,
    Asks,
    Draft,
    Item,
    ItemOutcome,
    ItemState,
    Joining,
    Question,
    under_review,
    with_tier,
)
