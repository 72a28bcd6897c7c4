"""Every error Whorl raises on purpose, as one tree.

WhorlError
├── ArtifactError          a bundle or gallery on disk cannot be used (damaged, missing, of another model)
├── InputError             something from outside is wrong; `status` is its HTTP status
│   ├── ImageError         415 / 422: not an image we read, or broken
│   ├── TooLargeError      413: over a stated bound
│   └── NotFoundError      404
├── BusyError              429: the queue is full
└── DeadlineError          504: the answer would have come too late
"""


class WhorlError(Exception):
    """Root of the tree. `str(error)` says what was wrong, where, and what to do, in one line."""


class ArtifactError(WhorlError):
    """A bundle, gallery or other file of ours cannot be used."""


class InputError(WhorlError):
    """A value from outside is wrong.

    Args:
        detail: one line for the person who sent it.
        status: HTTP status of the answer.
        where: name of the field, file or row, where there is one.
    """

    def __init__(self, detail: str, *, status: int = 422, where: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status
        self.where = where


class ImageError(InputError):
    """A file is not a readable image (415: not an image type we take; 422: broken)."""


class TooLargeError(InputError):
    """An input is over a stated bound."""

    def __init__(self, detail: str, *, where: str | None = None) -> None:
        super().__init__(detail, status=413, where=where)


class NotFoundError(InputError):
    """A named thing does not exist."""

    def __init__(self, detail: str, *, where: str | None = None) -> None:
        super().__init__(detail, status=404, where=where)


class BusyError(WhorlError):
    """The queue is full; try again after `retry_after_s` seconds."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"the service is busy; try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class DeadlineError(WhorlError):
    """The request's deadline passed before its turn came."""
