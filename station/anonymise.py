"""A session log that may leave the factory: the same cycle on another board, of another station.

What came from outside (bytes, answers, given values) is rewritten with pseudonyms; then the real cycle runs on it, and what it does
now (bytes sent, requests, labels, questions to the journal) is what the copy holds. So frames, checksums and rasters fit. The copy
is replayed and searched before it is given out: one that would not replay the same, or still names something, is refused.

What stays: times, the kind of board and its memory, the label's design and constant texts, the API's messages.
"""

from __future__ import annotations

import hmac
import secrets
from pathlib import Path

from station.errors import SessionError
from station.rerun import PLACEHOLDER, recorded_configuration, replay_log, rerun
from station.session.difference import Diverged
from station.session.export.board_names import BoardNames
from station.session.export.inputs import inputs, leftover
from station.session.export.pseudonyms import NoPseudonym, Pseudonyms
from station.session.export.rewriting import Rewriting
from station.session.export.substitution import Substitution
from station.session.export.surroundings import elsewhere
from station.session.format import SessionLog
from station.session.masking import Masker

ATTEMPTS = 4
"""With another key each: a pseudonym may by chance be one that the label or the board takes otherwise."""
_NAME = Path("anonymised.jsonl")


class NotAnonymised(SessionError):
    """Raised when no anonymised copy of a log can be made that replays the same and names nothing of the original."""

    code = "session.not_anonymised"


def anonymised(log: SessionLog, key: bytes | None = None) -> SessionLog:
    """The copy. With one ``key`` a board has the same pseudonyms in the copies of all its logs, and whoever knows the key can find
    the board again; without one, nobody can. Raises NotAnonymised, or SessionError for a log that cannot be replayed at all."""
    key = secrets.token_bytes(32) if key is None else key
    report = replay_log(log)
    if report.difference is not None:
        raise NotAnonymised(f"{log.path}: it does not replay the same with this version, so its copy would not either")
    reason = ""
    for attempt in range(ATTEMPTS):
        try:
            copy = _rewritten(log, hmac.digest(key, bytes([attempt]), "sha256"))
        except (Diverged, NoPseudonym) as error:
            reason = f"the cycle takes another course with pseudonyms: {error}"
            continue
        again = replay_log(copy)
        if again.difference is None and (again.cut_off is None) == (report.cut_off is None):
            return copy
        reason = f"the copy replays otherwise: {again.difference}"
    raise NotAnonymised(f"{log.path}: {reason}")


def _rewritten(log: SessionLog, key: bytes) -> SessionLog:
    with recorded_configuration(log) as configuration:
        board = BoardNames(log, configuration)
        pseudonyms = Pseudonyms(key, board.accepts)
        board.add_all(pseudonyms)
    head, names = elsewhere(log.head)
    values = [(value, other) for _, value, other in pseudonyms.pairs()]
    substitution = Substitution(values, board.written(pseudonyms), names.items())
    rewriting = Rewriting(SessionLog(_NAME, inputs(log, head, substitution)), Masker(lambda: [PLACEHOLDER]))
    rerun(rewriting.log, rewriting.session)
    copy = SessionLog(_NAME, rewriting.events())
    left = leftover(copy, substitution)
    if left is not None:
        raise NotAnonymised(f"{log.path}: {left}")
    return copy
