"""Tones on the computer's loudspeaker: a WAV made here, played by the system's own player in a process of its own."""

from __future__ import annotations

import io
import math
import os
import shutil
import struct
from dataclasses import dataclass
from typing import Literal

from drivers.errors import PortLost, PortMissing
from drivers.lines import printable
from drivers.signal import check_outputs

NAME = "sound"
PLAYERS: dict[str, tuple[str, ...]] = {"aplay": ("aplay", "-q"), "paplay": ("paplay",)}
"""Commands that take a WAV file's path as their last word (alsa-utils, pulseaudio-utils)."""
RATE_HZ = 22_050
EDGE_S = 0.005
"""Each tone begins and ends so softly that it does not click."""
GRACE_S = 3.0
"""What a player may take longer than its sound before it is killed."""
MAX_TONES = 16
MAX_SOUND_S = 5.0
_FULL_SCALE = 32_767


@dataclass(frozen=True, slots=True)
class ToneOptions:
    """One tone; ``frequency_hz`` 0 is silence."""

    frequency_hz: float
    duration_s: float = 0.15

    def __post_init__(self) -> None:
        if self.frequency_hz and not 50 <= self.frequency_hz <= 8000:
            raise ValueError(f"frequency_hz must be 50 to 8000, or 0 for silence, not {self.frequency_hz}")
        if not 0.01 <= self.duration_s <= MAX_SOUND_S:
            raise ValueError(f"duration_s must be 0.01 to {MAX_SOUND_S:g}, not {self.duration_s}")


@dataclass(frozen=True, slots=True)
class SoundOptions:
    """By the names of the outputs, the tones of each one after the other. ``player`` auto takes the first of aplay and paplay
    that is installed; ``volume`` is a part of full scale."""

    outputs: dict[str, tuple[ToneOptions, ...]]
    player: Literal["auto", "aplay", "paplay"] = "auto"
    volume: float = 0.8

    def __post_init__(self) -> None:
        check_outputs(self.outputs)
        for tones in self.outputs.values():
            if not 1 <= len(tones) <= MAX_TONES:
                raise ValueError(f"outputs have 1 to {MAX_TONES} tones each, not {len(tones)}")
            if duration_of(tones) > MAX_SOUND_S:
                raise ValueError(f"outputs sound for at most {MAX_SOUND_S:g} s")
        if self.player not in ("auto", *PLAYERS):
            raise ValueError(f"player must be auto, aplay or paplay, not {self.player!r}")
        if not 0 < self.volume <= 1:
            raise ValueError(f"volume must be above 0 and at most 1, not {self.volume}")


def duration_of(tones: tuple[ToneOptions, ...]) -> float:
    """Seconds that all of them take."""
    return sum(tone.duration_s for tone in tones)


def wav_of(tones: tuple[ToneOptions, ...], volume: float) -> bytes:
    """A WAV file: 16 bits, one channel, ``RATE_HZ``."""
    import wave

    samples = bytearray()
    edge = int(EDGE_S * RATE_HZ)
    for tone in tones:
        count = int(tone.duration_s * RATE_HZ)
        for index in range(count):
            softness = min(1.0, index / edge, (count - index) / edge)
            level = softness * volume * math.sin(2 * math.pi * tone.frequency_hz * index / RATE_HZ)
            samples += struct.pack("<h", round(_FULL_SCALE * level))
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE_HZ)
        out.writeframes(bytes(samples))
    return file.getvalue()


class SoundPlayer:
    """Implements ``SignalOutput``. ``set`` lasts as long as its sound."""

    is_momentary = True
    name = NAME

    def __init__(self, options: SoundOptions) -> None:
        self._options = options
        self._made: dict[str, bytes] = {}

    def set(self, output: str, on: bool) -> None:
        if not on:
            return
        if output not in self._made:
            self._made[output] = wav_of(self._options.outputs[output], self._options.volume)
        self._play(self._made[output], duration_of(self._options.outputs[output]))

    def check(self) -> None:
        """A loudspeaker that has gone shows when something is played."""

    def close(self) -> None:
        """Nothing is held."""

    def _play(self, wav: bytes, duration_s: float) -> None:
        command = player_of(self._options)
        file = os.memfd_create("sound", os.MFD_CLOEXEC)
        try:
            with os.fdopen(os.dup(file), "wb") as out:
                out.write(wav)
            self._run((*command, f"/proc/self/fd/{file}"), file, duration_s + GRACE_S)
        finally:
            os.close(file)

    def _run(self, command: tuple[str, ...], file: int, limit_s: float) -> None:
        import subprocess

        try:
            ended = subprocess.run(
                command,
                pass_fds=(file,),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=limit_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise PortLost(NAME, f"{command[0]} did not end within {limit_s:g} s and was killed") from error
        except OSError as error:
            raise PortMissing(NAME, f"{command[0]} cannot be run: {error.strerror}") from error
        if ended.returncode:
            said = printable(ended.stderr.strip().splitlines()[-1]) if ended.stderr.strip() else "nothing"
            raise PortLost(NAME, f"{command[0]} ended with status {ended.returncode} and said: {said}")


def player_of(options: SoundOptions) -> tuple[str, ...]:
    """The command that plays. Raises PortMissing where none is installed."""
    wanted = tuple(PLAYERS) if options.player == "auto" else (options.player,)
    for name in wanted:
        path = shutil.which(PLAYERS[name][0])
        if path is not None:
            return (path, *PLAYERS[name][1:])
    raise PortMissing(NAME, f"there is no {' and no '.join(wanted)} on this computer")
