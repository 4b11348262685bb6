"""The package's exceptions: a stable `code`, a `message` for people, and whether to try again."""

from __future__ import annotations


class WebhookError(Exception):
    """Base of everything that Hookseal raises.

    >>> error = WebhookError("internal", "a defect")
    >>> error.code, error.message, error.retryable
    ('internal', 'a defect', False)
    """

    code: str
    message: str
    retryable: bool

    def __init__(self, code: str, message: str, retryable: bool = False) -> None:
        super().__init__(code, message, retryable)
        self.code = code
        self.message = message
        self.retryable = retryable

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class VerificationError(WebhookError):
    """A received webhook was refused."""


class ConfigError(WebhookError):
    """A constructor or an option was given something that can not work."""


class SendError(WebhookError):
    """A delivery was refused before any attempt was made."""


class StoreError(WebhookError):
    """A store, or the memory of a replay guard, could not do its part."""
