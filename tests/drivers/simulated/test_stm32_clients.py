"""Programs that are not ours take the simulated chip for a real one: stm32flash (Debian) and stm32loader (PyPI), unchanged, on a
real pty. And our driver talks to it through a real port at a real baud rate."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from drivers.clock import SystemClock
from drivers.serial_port import SerialOptions, open_serial
from drivers.simulated.link import PtyLink
from drivers.transport import Framing
from tests.support import stm32loader_on_pty
from tests.support.stm32 import APP_EUI, DEVICE_ID, F1, SHARED, UID, UID_TEXT, WL, Board

IMAGE = bytes(range(0xA0, 0xC0))
RUN_S = 30.0
NEIGHBOUR = 0x08005400
"""The page behind the one that is written."""


@pytest.fixture(scope="module")
def stm32flash():
    found = shutil.which("stm32flash")
    assert found, "stm32flash is needed: apt-get install stm32flash"
    return found


def run(*command):
    """The output of a program that must succeed."""
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=RUN_S,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("board", "named"),
    [
        (F1, "0x0410 (STM32F10xxx Medium-density)"),
        (Board("STM32L45x", 0x08004000, 0x08005000), "0x0462 (STM32L45xxx/46xxx)"),
    ],
    ids=["erase", "extended erase"],
)
def test_stm32flash_identifies_reads_writes_and_verifies(stm32flash, tmp_path, board, named):
    """It writes 32 bytes into a page that holds others, so it erases that page, and nothing else changes."""
    chip = board.chip({0x08005100: b"gone with the page", 0x08006000: b"kept"})
    link = PtyLink(chip)
    try:
        # 8N1: it checks that the port took the parity it asked for, and a pty takes none.
        assert named in run(stm32flash, "-m", "8n1", link.path)
        read = tmp_path / "read.bin"
        run(stm32flash, "-m", "8n1", "-r", read, "-S", "0x08004000:8", link.path)
        assert read.read_bytes() == APP_EUI
        written = tmp_path / "image.bin"
        written.write_bytes(IMAGE)
        assert "verified" in run(stm32flash, "-m", "8n1", "-w", written, "-v", "-S", "0x08005000:32", link.path)
    finally:
        link.close()
    assert chip.memory.read(0x08005000, 32) == IMAGE
    assert chip.memory.read(0x08005100, 4) == b"\xff" * 4
    assert chip.memory.read(0x08006000, 4) == b"kept"
    assert chip.memory.read(0x08004000, 8) == APP_EUI


def test_stm32flash_reads_the_uid_of_an_f1(stm32flash, tmp_path):
    link = PtyLink(F1.chip())
    try:
        read = tmp_path / "uid.bin"
        run(stm32flash, "-m", "8n1", "-r", read, "-S", "0x1ffff7e8:12", link.path)
    finally:
        link.close()
    assert read.read_bytes() == UID


def test_stm32loader_identifies_reads_writes_and_verifies(tmp_path):
    """Chip id, UID and flash size as it prints them; it erases a page, writes and reads back."""
    chip = WL.chip({0x08005000: b"x" * 32})
    link = PtyLink(chip)
    client = [sys.executable, Path(stm32loader_on_pty.__file__), "-p", link.path, "-f", "WL", "-P", "none"]
    try:
        read = tmp_path / "read.bin"
        said = run(*client, "-r", "-a", "0x08004000", "-l", "8", read)
        assert "Chip id: 0x497 (STM32WLE5xx/WL55xx)" in said
        assert "Device UID: 002F-003B-32385114-39383534" in said
        assert "Flash size: 256 KiB" in said
        assert read.read_bytes() == APP_EUI
        link.insert(chip)  # a fresh chip: to one in sync it speaks only after five seconds of silence
        image = tmp_path / "image.bin"
        image.write_bytes(IMAGE)
        assert "Verification OK" in run(*client, "-w", "-v", "-a", "0x08006000", image)
    finally:
        link.close()
    assert chip.memory.read(0x08006000, 32) == IMAGE
    assert chip.memory.read(0x08005000, 32) == b"x" * 32


def test_our_driver_provisions_it_through_a_real_port_at_115200_baud():
    """The page is rewritten, so that all of its 2 KiB pass the wire, paced, and the erase takes its time."""
    chip = SHARED.chip({SHARED.device_id: b"F" * 16, 0x08005700: b"neighbour"}, erase_s=0.024)
    link = PtyLink(chip, baud=115_200)
    clock = SystemClock()
    try:
        port = open_serial(SerialOptions(link.path, Framing(115_200, 8, "even", 1)), clock)
        try:
            driver = SHARED.driver()
            assert driver.is_present(port, clock)
            conversation = driver.connect(port, clock)
            assert conversation.identify().chip_id == UID_TEXT
            plan = conversation.plan_write(DEVICE_ID)
            assert plan.erase_pages == (10,)
            conversation.write(plan)
            assert conversation.verify().device_id.value == DEVICE_ID
            assert driver.is_present(port, clock)
            link.lift()
            assert not driver.is_present(port, clock)
        finally:
            port.close()
    finally:
        link.close()
    assert chip.memory.read(0x08005700, 9) == b"neighbour"


def test_our_driver_wakes_a_chip_that_stm32flash_left(stm32flash):
    """It leaves the chip in sync; the first 7F is then half a command."""
    link = PtyLink(F1.chip())
    clock = SystemClock()
    try:
        run(stm32flash, "-m", "8n1", link.path)
        port = open_serial(SerialOptions(link.path, Framing(115_200, 8, "even", 1)), clock)
        try:
            assert F1.driver().connect(port, clock).identify().chip_id == UID_TEXT
        finally:
            port.close()
    finally:
        link.close()
