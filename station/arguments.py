"""Numbers on the command line, bounded, and a parser whose errors are one line with a code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn

from station.text import printable

USAGE_CODE = "usage.invalid"
EXIT_USAGE = 2


class OneLineParser(argparse.ArgumentParser):
    """Says in one line with a code what it does not understand; argparse itself would print the usage before it."""

    def error(self, message: str) -> NoReturn:
        sys.stderr.write(printable(f"station: {USAGE_CODE}: {message} — see {self.prog} --help", 1000) + "\n")
        raise SystemExit(EXIT_USAGE)


def whole(lowest: int, highest: int) -> Callable[[str], int]:
    """Takes a whole number within these bounds."""

    def convert(text: str) -> int:
        try:
            number = int(text[:20])
        except ValueError:
            number = lowest - 1
        if not lowest <= number <= highest:
            raise argparse.ArgumentTypeError(f"must be a whole number from {lowest} to {highest}, not {text!r}")
        return number

    return convert


def decimal(lowest: float, highest: float) -> Callable[[str], float]:
    """Takes a number within these bounds."""

    def convert(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if not lowest <= number <= highest:
            raise argparse.ArgumentTypeError(f"must be a number from {lowest:g} to {highest:g}, not {text!r}")
        return number

    return convert
