"""Problem of an import, in words. It never quotes content: an unreadable file may contain a secret."""

WHOLE_FILE = "the whole file"


class ImportProblem(Exception):
    """One file, or one automation in it, could not be read (I8: refused in words, never guessed, never dropped).

    Args:
        file: name of the file as the person gave it.
        place: place in the file: line and column, a path of member names and positions, or `WHOLE_FILE`.
        reason: a clause without a full stop.
        what_to_do: one sentence for the importer.
        is_known: whether the file was recognised as something other than an automation, such as a list of tools.
        platform: recognised platform that is not supported.
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
