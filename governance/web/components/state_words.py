"""The words, icons and tones that stand for levels, tiers, data classes and states on every page and nowhere else.

Keys are the values that the models store, written as plain strings: drawing knows no model. What a state *means* is
decided by the transitions; this module only says how it is called. "Pending" is no word here: what waits says for whom.
"""

from dataclasses import dataclass
from typing import Final

from governance.core.texts.csv_tables import read_rows


@dataclass(frozen=True)
class Word:
    """How one value is shown: its text, the icon before it (a symbol of ``static/icons.svg``) and its tone.

    A tone is one of ``acc``, ``ok``, ``no``, ``wait``, ``ask``, ``high``, ``off`` or empty for plain ink.
    """

    text: str
    icon: str = ""
    tone: str = ""


#: Kind of state to value to word, from ``state_words.csv``.
STATES: Final[dict[str, dict[str, Word]]] = {}
for _row in read_rows(__file__, "state_words.csv"):
    STATES.setdefault(_row["kind"], {})[_row["value"]] = Word(_row["text"], _row["icon"], _row["tone"])
LEVELS: Final = STATES.pop("level")
TIERS: Final = STATES.pop("tier")
#: How bad a conflict would be, drawn as a tier is.
RATINGS: Final = STATES.pop("rating")
DATA_CLASSES: Final = STATES.pop("data_class")
DATA_CLASS_UNSET: Final = DATA_CLASSES["restricted"]  # I3: unset counts as restricted
RESOURCE_KINDS: Final = STATES.pop("resource_kind")
#: Segments of a stepper: what each value says when the whole bar is read aloud, in this order.
SEGMENTS: Final = STATES.pop("segment")


def state_word(kind: str, value: str, *, mine: bool = False, holder: str = "") -> Word:
    """Return how a state is called.

    Args:
        kind: a key of ``STATES``.
        value: the stored state.
        mine: whether the reader is the one it waits for.
        holder: the name of the person it waits for, if that is not the reader.

    Raises:
        KeyError: for a kind or state that has no word; a page must not invent one.
    """
    word = STATES[kind][value]
    if word.text != "Waiting":
        return word
    if mine:
        return Word("Waiting for you", word.icon, "acc")
    return Word(f"Waiting for {holder}" if holder else word.text, word.icon)
