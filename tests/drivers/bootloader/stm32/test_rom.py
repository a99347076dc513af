"""The driver: its name, and looking for a board."""

from __future__ import annotations

import pytest

from drivers.errors import PortLost
from tests.support.stm32 import UID_TEXT, WL, DirectLink, HandClock


def test_presence_is_seen_in_any_state_of_a_board_and_not_without_one():
    driver, clock = WL.driver(), HandClock()
    chip = WL.chip()
    link = DirectLink(chip, clock)
    assert driver.is_present(link, clock), "fresh"
    assert driver.is_present(link, clock), "probed before"
    conversation = driver.connect(link, clock)
    conversation.identify()
    assert driver.is_present(link, clock), "idle"
    assert driver.connect(link, clock).identify().chip_id == UID_TEXT
    link.device = None
    started_s = clock.now_s
    assert not driver.is_present(link, clock)
    assert clock.now_s - started_s < 0.3
    link.device = WL.chip()
    assert driver.is_present(link, clock), "a board that comes is not deafened by the probes before"


def test_noise_is_no_presence():
    link = DirectLink(None)
    link.say(b"\x00\xff" * 50)
    assert not WL.driver().is_present(link, link.clock)


def test_presence_lets_a_lost_port_through():
    link = DirectLink(WL.chip(), lost_after_bytes=0)
    with pytest.raises(PortLost):
        WL.driver().is_present(link, link.clock)
