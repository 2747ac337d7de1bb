"""What is said when something cannot be read. Never quotes what it read: a file that does not parse may hold a secret."""

from __future__ import annotations

WHOLE_FILE = "the whole file"


class ImportProblem(Exception):
    """One file, or one automation in it, could not be read (I8: refused in words, never guessed, never dropped).

    Args:
        file: the file's name as the person gave it.
        place: where in the file: a line and column, or a path of member names and positions; or
            `WHOLE_FILE`.
        reason: what is wrong, a clause without a full stop.
        what_to_do: one sentence for whoever brought the file.
        is_known: whether it was recognised as something that stands beside automations: a list of tools, say.
        platform: what it was recognised as, if its platform is not read yet.
    """

    def __init__(
        self, file: str, place: str, reason: str, what_to_do: str, *, is_known: bool = False, platform: str = ""
    ) -> None:
        self.file = file
        self.place = place or WHOLE_FILE
        self.reason = reason
        self.what_to_do = what_to_do
        self.is_known = is_known
        self.platform = platform
        super().__init__(file, place, reason, what_to_do)

    def __str__(self) -> str:
        return f"{self.file}, {self.place}: {self.reason}. {self.what_to_do}"
