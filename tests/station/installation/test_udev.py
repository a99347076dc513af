"""The udev rules as udev itself applies them: ``udevadm test`` on a mock tree of devices, in a private mount namespace."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
RULES = ROOT / "station" / "installation" / "60-station.rules"

TREE = r"""
set -eu
mount -t tmpfs tmpfs /sys
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /etc/udev
mount -t tmpfs tmpfs /dev
mkdir -p /etc/udev/rules.d /run/udev
printf '%s' "$RULES" > /etc/udev/rules.d/60-station.rules
bus() { mkdir -p "$1" "/sys/bus/$2/devices" "/sys/bus/$2/drivers/${3:-none}"; ln -s "/sys/bus/$2" "$1/subsystem"
        if [ -n "${3:-}" ]; then ln -s "/sys/bus/$2/drivers/$3" "$1/driver"; fi; echo "DRIVER=${3:-}" > "$1/uevent"; }
pci=/sys/devices/pci0000:00/0000:00:14.0
usb=$pci/usb1/1-1
bus $pci pci xhci_hcd
bus $pci/usb1 usb usb; echo DEVTYPE=usb_device >> $pci/usb1/uevent
bus $usb usb usb; echo DEVTYPE=usb_device >> $usb/uevent
echo "$VENDOR" > $usb/idVendor; echo 6001 > $usb/idProduct; echo A10K3XYZ > $usb/serial
bus $usb/1-1:1.0 usb "$DRIVER"; echo DEVTYPE=usb_interface >> $usb/1-1:1.0/uevent; echo 00 > $usb/1-1:1.0/bInterfaceNumber
case "$KIND" in
tty) node=$usb/1-1:1.0/ttyUSB0/tty/ttyUSB0; bus $usb/1-1:1.0/ttyUSB0 usb-serial "$DRIVER"
     echo 16 > $usb/1-1:1.0/ttyUSB0/latency_timer; class=tty; numbers=188:0:ttyUSB0 ;;
usb-serial) node=$usb/1-1:1.0/ttyUSB0; bus $node usb-serial "$DRIVER"; echo 16 > $node/latency_timer; class= ;;
lp) node=$usb/1-1:1.0/usbmisc/lp0; class=usbmisc; numbers=180:0:usb/lp0 ;;
ttyS) node=/sys/devices/platform/serial8250/tty/ttyS0; class=tty; numbers=4:64:ttyS0 ;;
gpio) node=$pci/gpiochip0; class=gpio; numbers=254:0:gpiochip0 ;;
esac
if [ -n "$class" ]; then
    mkdir -p $node /sys/class/$class; ln -s /sys/class/$class $node/subsystem; ln -s $node /sys/class/$class/
    echo "$numbers" | { IFS=: read -r major minor name
        printf 'MAJOR=%s\nMINOR=%s\nDEVNAME=%s\n' "$major" "$minor" "$name" > $node/uevent; }
fi
SYSTEMD_DEVICE_VERIFY_SYSFS=0 SYSTEMD_LOG_LEVEL=debug udevadm test --action=add $node 2>&1
"""


def applied(kind: str, *, vendor: str = "0403", driver: str = "ftdi_sio", rules: str = "") -> list[str]:
    """What udev says it does with a device of this kind that was just plugged in; its group as a number."""
    as_root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    done = subprocess.run(
        ["unshare", *as_root, "--mount", "bash", "-c", TREE],
        env=os.environ | {"RULES": rules or RULES.read_text("utf-8"), "KIND": kind, "VENDOR": vendor, "DRIVER": driver},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    return done.stdout.splitlines()


def ours(lines: list[str]) -> list[str]:
    """What our rules did, without the places where they stand."""
    return [line.split(" ", 2)[2] for line in lines if "/60-station.rules:" in line and not line.startswith("Reading")]


def group(name: str) -> str:
    found = subprocess.run(["getent", "group", name], capture_output=True, text=True, timeout=50, check=True)
    return found.stdout.split(":")[2]


def test_the_rules_are_read_without_a_word_of_complaint() -> None:
    lines = applied("tty")
    assert any(line.startswith("Reading rules file: /etc/udev/rules.d/60-station.rules") for line in lines)
    assert [line for line in lines if "60-station.rules" in line and ("nvalid" in line or "gnor" in line)] == []


def test_a_rule_that_is_wrong_would_be_noticed() -> None:
    wrong = RULES.read_text("utf-8").replace('GROUP="dialout"', 'GRUOP="dialout"', 1)
    assert [line for line in applied("tty", rules=wrong) if "60-station.rules" in line and "nvalid" in line]


@pytest.mark.parametrize("vendor", ["0403", "10c4", "1a86", "067b", "0483"])
def test_a_usb_serial_adapter_is_dialouts_and_no_modem(vendor: str) -> None:
    lines = applied("tty", vendor=vendor)
    assert f"GROUP {group('dialout')}" in ours(lines)
    assert "MODE 0660" in ours(lines)
    assert {"ID_MM_DEVICE_IGNORE=1", "ID_MM_PORT_IGNORE=1"} <= set(lines)
    assert "DEVLINKS=/dev/serial/by-path/pci-0000:00:14.0-usb-0:1:1.0" in lines, "its place has a name without any rule"


def test_a_port_of_the_computer_itself_is_left_alone() -> None:
    assert ours(applied("ttyS")) == []


def test_a_place_gets_the_name_that_its_line_gives_it() -> None:
    """The commented example, with its mark taken away."""
    example = '#ENV{ID_PATH}=="pci-0000:00:14.0-usb-0:1.1:1.0", SYMLINK+="station/socket-a"'
    text = RULES.read_text("utf-8")
    assert example in text
    rules = text.replace(example, example[1:].replace("0:1.1:1.0", "0:1:1.0"))
    assert "LINK 'station/socket-a'" in ours(applied("tty", rules=rules))


def test_an_ftdi_adapter_answers_within_a_millisecond_and_others_are_not_asked_to() -> None:
    (written,) = ours(applied("usb-serial"))
    assert written.startswith("ATTR ")
    assert written.endswith("latency_timer' writing '1'")
    assert ours(applied("usb-serial", vendor="10c4", driver="cp210x")) == []


def test_a_usb_printer_is_lps() -> None:
    assert ours(applied("lp")) == [f"GROUP {group('lp')}", "MODE 0660"]


def test_gpio_lines_are_dialouts() -> None:
    assert ours(applied("gpio")) == [f"GROUP {group('dialout')}", "MODE 0660"]
