"""Exceptions that Ray hands over, turned back into those that were raised."""

from __future__ import annotations

from ray.exceptions import RayError, RayTaskError

from cluster.driver.errors import RemoteError, RemoteTracebackError


def original_error(error: RayTaskError) -> Exception:
    """Exception that was raised in the worker, with its traceback there as ``__cause__``.

    Ray hands over a class made on the spot that mixes its own error with the original one; callers would
    rather meet the original. What cannot be pickled becomes a :class:`RemoteError`.
    """
    cause = error.cause
    if isinstance(cause, RayTaskError):
        return original_error(cause)
    # A bare RayError is what Ray puts in the place of a cause that it could not pickle.
    original = RemoteError(str(cause)) if cause is None or type(cause) is RayError else cause
    original.__cause__ = RemoteTracebackError(str(error))
    return original
