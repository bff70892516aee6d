"""Times as the API server writes them: RFC 3339, UTC, whole seconds. It accepts others, from whoever edits a status."""

from datetime import UTC, datetime


def to_text(seconds: float) -> str:
    """`2026-01-31T12:00:00Z` for seconds since the epoch."""
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def to_seconds(text: str, *, unreadable: float) -> float:
    """Seconds since the epoch, `unreadable` for what is no time. Without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return unreadable
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
