"""Times as the engineer's pages show and take them: of the computer's time zone, which is that of the factory."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta


def moment(time_ms: int | None) -> str:
    """``2025-10-09 14:03:22``, or a dash."""
    return (
        "–"
        if time_ms is None
        else datetime.fromtimestamp(time_ms / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    )


def zone() -> str:
    """The time zone now, such as ``CST, UTC+08:00``."""
    now = datetime.now(UTC).astimezone()
    offset = now.strftime("%z")
    return f"{now.strftime('%Z')}, UTC{offset[:3]}:{offset[3:5]}"


def day_of(text: str) -> date:
    """A day such as 2025-03-31. Raises ValueError."""
    day = date.fromisoformat(text)
    if not 1970 < day.year < 9000:
        raise ValueError(f"{text}: nothing was made then")
    return day


def start_of(day: date) -> int:
    """Its midnight, in milliseconds UTC."""
    return int(datetime(day.year, day.month, day.day).astimezone().timestamp() * 1000)


def day_after(day: date) -> date:
    return day + timedelta(days=1)


def today() -> date:
    return datetime.now(UTC).astimezone().date()
