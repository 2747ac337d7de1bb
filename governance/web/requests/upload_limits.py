"""Limits of a request's size, and the answers to a request that is too large or unreadable (I7).

Django's own limits bound fields, their text and the number of files; this module answers their refusals in words.
"""

from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from governance.web.errors import problem_documents
from governance.web.requests.request import number

#: A body up to so many times the most that is taken is read to its end, and answered; a browser hears no answer before that.
READ_PAST = 10


class BoundedUploads(MemoryFileUploadHandler):
    """Keeps files in memory, never on a disk (H7). What is too large is dropped as it comes in, what is endless is not even read."""

    def handle_raw_input(
        self,
        input_data: Any,
        META: Any,  # noqa: N803  Django's name
        content_length: int,
        boundary: str,
        encoding: str | None = None,
    ) -> None:
        """See Django.

        Raises:
            RequestDataTooBig: it says that it is `READ_PAST` times the most that is taken.
        """
        if content_length > READ_PAST * settings.FILE_UPLOAD_MAX_MEMORY_SIZE:
            raise RequestDataTooBig("The upload is far more than is taken.")
        super().handle_raw_input(input_data, META, content_length, boundary, encoding)


def limit() -> str:
    """The most that is taken at once, in words."""
    return f"{settings.FILE_UPLOAD_MAX_MEMORY_SIZE / 1024**2:.2g} MB"


def is_too_large(request: HttpRequest) -> bool:
    """Whether a request says that it is larger than is taken, so that it may have arrived without its files."""
    return (number(request.META.get("CONTENT_LENGTH")) or 0) > settings.FILE_UPLOAD_MAX_MEMORY_SIZE


def too_large_sentence() -> str:
    """Say that a request is too large, with the limit."""
    return f"This is more than {limit()}, which is the most that is taken at once."


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what can't be read, or is more than is read: 413 with the limit in words, else 400.

    The page is drawn without the request, which nobody may be able to read.
    """
    words = _words(exception)
    if problem_documents.is_program(request):
        return problem_of(exception)
    return HttpResponse(render_to_string("400.html", {"words": words}), status=413 if words else 400)


def problem_of(exception: Exception) -> HttpResponse:
    """The same as a problem document, for programs."""
    words = _words(exception)
    if words:
        return problem_documents.problem(413, "TOO_MUCH", words["sentence"], words["to_do"])
    return problem_documents.problem(400, "UNREADABLE", "The request can't be read.", "Send it in UTF-8, without NUL.")


def _words(exception: Exception) -> dict[str, str]:
    match exception:
        case RequestDataTooBig():
            sentence = f"up to {limit()} at once"
            to_do = "Import the files one by one, or choose a file instead of pasting it"
        case TooManyFilesSent():
            sentence = f"up to {settings.DATA_UPLOAD_MAX_NUMBER_FILES} files at once"
            to_do = "Import them a part at a time"
        case TooManyFieldsSent():
            sentence, to_do = f"up to {settings.DATA_UPLOAD_MAX_NUMBER_FIELDS:,} fields", "Send less of it at a time"
        case _:
            return {}
    return {"sentence": f"Countersign takes {sentence}. Nothing was changed.", "to_do": f"{to_do}."}
