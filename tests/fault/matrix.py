"""All rows."""

from __future__ import annotations

from tests.fault import api_cases, board_cases, disk_cases, printer_cases, security_cases
from tests.fault.case import Case

CASES: tuple[Case, ...] = (
    *api_cases.CASES,
    *board_cases.CASES,
    *printer_cases.CASES,
    *disk_cases.CASES,
    *security_cases.CASES,
)
