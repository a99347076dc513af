"""Session logs of every kind of cycle, kept for ever: a version that replays them otherwise breaks what is in people's archives.

``v1/`` holds those of format version 1, written by ``python -m tests.replay.record`` and never changed after a release.
"""

from pathlib import Path

CORPUS = Path(__file__).parent
