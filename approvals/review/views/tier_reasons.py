"""Reasons of a tier on pages (T2): their icons, and one line for several privileges with the same reason."""

from collections.abc import Iterable, Sequence

from approvals.review.views.reader import Shape

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
#: Empty fields of these reasons. A template takes longer for a missing key.
NOTHING_MORE = dict.fromkeys(("tone", "code", "href"), "")


def group_reasons(reasons: Iterable[str], sentences: Sequence[str]) -> list[Shape]:
    """The reasons of a tier in the form of ``components/reasons.html``.

    Args:
        reasons: reasons of the judgement; one of a privilege starts with its sentence.
        sentences: sentences of all privileges.
    """
    sentences_by_reason: dict[str, list[str]] = {}
    for reason in reasons:
        sentence_of = next((sentence for sentence in sentences if reason.startswith(f"{sentence}: ")), "")
        sentences_by_reason.setdefault(reason.removeprefix(f"{sentence_of}: "), []).append(sentence_of)
    return [
        {
            **NOTHING_MORE,
            "icon": next((icon for word, icon in ICONS if word in why.lower()), "pen"),
            "lead": f"{len(reason_sentences)} privileges." if len(reason_sentences) > 1 else "",
            "text": f"{reason_sentences[0]}: {why}" if len(reason_sentences) == 1 and reason_sentences[0] else why,
        }
        for why, reason_sentences in sentences_by_reason.items()
    ]
