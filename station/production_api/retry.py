"""How long to wait before a call is repeated. Pure: time and chance are handed in."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from random import Random

from station.production_api.options import RetryOptions


def backoff_s(
    options: RetryOptions, repeat: int, random: Random, *, limited: bool, retry_after_s: float | None
) -> float:
    """Seconds to wait before the ``repeat``-th repeat (1 is the first): exponential with full jitter, never shorter than what
    the server asked for, as far as that is within its cap."""
    base_s, cap_s = (options.limited_base_s, options.limited_cap_s) if limited else (options.base_s, options.cap_s)
    jittered_s = random.uniform(0.0, min(cap_s, base_s * 2.0 ** (repeat - 1)))
    asked_s = min(retry_after_s or 0.0, options.retry_after_cap_s)
    return max(jittered_s, asked_s)


def parse_retry_after(value: str | None, wall_s: float) -> float | None:
    """Seconds from now that a Retry-After header asks for (RFC 9110, 10.2.3: delay-seconds or an HTTP date), 0 for a date that
    has passed; None where there is no header or it says neither."""
    if value is None or len(value) > 64:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    moment_s = parse_http_date(text)
    return None if moment_s is None else max(0.0, moment_s - wall_s)


def parse_http_date(value: str | None) -> float | None:
    """Seconds since 1970 of an HTTP date (RFC 9110, 5.6.7), or None."""
    if value is None or len(value) > 64:
        return None
    try:
        return parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError):
        return None
