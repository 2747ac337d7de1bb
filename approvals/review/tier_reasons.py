"""Reasons of a tier for pages and API answers (T2): their icons, and one line for several privileges with the same reason."""

from collections.abc import Collection, Iterable, Sequence

from approvals.review.remarks import Remark
from governance.core.texts.csv_tables import read_rows

#: Icons by a word of the reason; the first match counts.
ICONS = tuple((row["words"], row["icon"]) for row in read_rows(__file__, "tier_icons.csv"))
#: Said of a reason that is not about the request: the source does what the builder does not ask for (T2).
NOT_REQUESTED = " Not requested, but the export contains it."


def group_reasons(reasons: Iterable[str], sentences: Sequence[str], left_out: Collection[str] = ()) -> list[Remark]:
    """Return the reasons of a tier, for pages and API answers: requested privileges first.

    Args:
        reasons: reasons of the judgement; one of a privilege starts with its sentence.
        sentences: sentences of all privileges.
        left_out: sentences of the privileges that the builder does not request. The tier counts these privileges too, because the export
            contains them (T2).
    """
    sentences_by_reason: dict[str, list[str]] = {}
    named = [(next((text for text in sentences if why.startswith(f"{text}: ")), ""), why) for why in reasons]
    for sentence_of, reason in sorted(named, key=lambda pair: pair[0] in left_out):
        why = reason.removeprefix(f"{sentence_of}: ") + (NOT_REQUESTED if sentence_of in left_out else "")
        sentences_by_reason.setdefault(why, []).append(sentence_of)
    return [
        Remark(
            text=f"{reason_sentences[0]}: {why}" if len(reason_sentences) == 1 and reason_sentences[0] else why,
            lead=f"{len(reason_sentences)} privileges have the same reason." if len(reason_sentences) > 1 else "",
            icon=next((icon for word, icon in ICONS if word in why.lower()), "pen"),
        )
        for why, reason_sentences in sentences_by_reason.items()
    ]
