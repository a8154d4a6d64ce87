"""When a training is due, and how long a span of the settings is."""

from datetime import date

from stockrnn.models.spec import Every

_SESSIONS = {"night": 1, "week": 5, "month": 21}


def count_sessions(span: Every) -> int:
    """Return how many sessions a span of the settings has."""
    return _SESSIONS[span] if isinstance(span, str) else span


def explain_due(trained_on: date | None, *, every: Every, sessions_since: int) -> str | None:
    """Say in words why a training is due, None where it is not.

    Parameters
    ----------
    trained_on
        The last session that was known at the newest training, None where there was none.
    sessions_since
        Sessions after it, up to the present one.
    """
    if trained_on is None:
        return "no model yet"
    if sessions_since < count_sessions(every):
        return None
    ago = "1 session" if sessions_since == 1 else f"{sessions_since} sessions"
    return f"the last training was on {trained_on}, {ago} ago"
