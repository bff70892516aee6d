"""Times as the API server writes them: RFC 3339, UTC, whole seconds."""

from datetime import UTC, datetime


def to_text(seconds: float) -> str:
    """`2026-01-31T12:00:00Z` for seconds since the epoch."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def to_seconds(text: str) -> float:
    """Seconds since the epoch. Raises ValueError."""
    return datetime.fromisoformat(text).timestamp()
