"""Questions with a default each: an empty line takes it, and so does the end of input."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TextIO

from station.errors import StationError
from station.text import printable

MAX_TRIES = 5
MAX_ANSWER_CHARS = 400


class NoAnswer(StationError):
    """Raised where the same question was answered wrongly again and again."""

    code = "usage.invalid"


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks on one stream and reads lines from another."""

    answers: TextIO
    shown: TextIO

    def text(self, question: str, default: str, is_good: Callable[[str], bool], hint: str) -> str:
        """A text that ``is_good`` accepts; ``hint`` says what would. Raises NoAnswer."""
        for _ in range(MAX_TRIES):
            answer = self._line(f"{question} [{default}] ") or default
            if is_good(answer):
                return answer
            self.shown.write(f"  {printable(answer, 60)}: {hint}\n")
        raise NoAnswer(f"{question}: {hint}")

    def matching(self, question: str, default: str, pattern: str, hint: str) -> str:
        """A text that matches the whole pattern."""
        return self.text(question, default, lambda answer: re.fullmatch(pattern, answer) is not None, hint)

    def one_of(self, question: str, choices: Sequence[str], default: int = 0) -> int:
        """The index of the chosen line; people count from 1."""
        self.shown.write(f"{question}\n")
        for number, choice in enumerate(choices, 1):
            self.shown.write(f"  {number}  {printable(choice, 120)}\n")
        numbers = {str(number) for number in range(1, len(choices) + 1)}
        chosen = self.text("  number", str(default + 1), lambda answer: answer in numbers, f"1 to {len(choices)}")
        return int(chosen) - 1

    def _line(self, prompt: str) -> str:
        self.shown.write(prompt)
        self.shown.flush()
        return self.answers.readline(MAX_ANSWER_CHARS).strip()
