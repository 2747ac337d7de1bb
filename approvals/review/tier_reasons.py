"""Reasons of a tier for pages and API answers (T2): their icons, and one line for several privileges with the same reason."""

from collections.abc import Iterable, Sequence

from approvals.review.remarks import Remark

#: Icons by a word of the reason; the first match counts.
ICONS = (
    ("more than low", "check"),
    ("joined with", "branch"),
    ("calls something", "question"),
    ("model", "robot"),
    ("start", "globe"),
    ("recogni", "question"),
    ("credential", "key"),
    ("same identity", "key"),
    ("runs", "terminal"),
    ("raised", "person"),
    ("touches", "database"),
    ("only reads", "eye"),
    ("read", "eye"),
)


def group_reasons(reasons: Iterable[str], sentences: Sequence[str]) -> list[Remark]:
    """Return the reasons of a tier, for pages and API answers.

    Args:
        reasons: reasons of the judgement; one of a privilege starts with its sentence.
        sentences: sentences of all privileges.
    """
    sentences_by_reason: dict[str, list[str]] = {}
    for reason in reasons:
        sentence_of = next((sentence for sentence in sentences if reason.startswith(f"{sentence}: ")), "")
        sentences_by_reason.setdefault(reason.removeprefix(f"{sentence_of}: "), []).append(sentence_of)
    return [
        Remark(
            text=f"{reason_sentences[0]}: {why}" if len(reason_sentences) == 1 and reason_sentences[0] else why,
            lead=f"{len(reason_sentences)} privileges have the same reason." if len(reason_sentences) > 1 else "",
            icon=next((icon for word, icon in ICONS if word in why.lower()), "pen"),
        )
        for why, reason_sentences in sentences_by_reason.items()
    ]
