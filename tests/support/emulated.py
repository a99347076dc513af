"""Devices of an emulated kernel: run under ``umockdev-wrapper`` as a program of its own, it makes input devices and serial adapters
that a station, started in the same surroundings, finds in /dev and /sys, and of whose coming and going udev tells it.

One client sends a JSON command per line, ``["name", arguments…]``, and gets a JSON line in answer to each. Behind each node is a
pseudo-terminal; the ioctls are answered here, by libumockdev through ctypes.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import socket
import struct
import sys
import time
from pathlib import Path
from typing import Any

from drivers.trigger.input_device import EVIOCGNAME, EVIOCGRAB, EVIOCSCLOCKID
from drivers.trigger.input_events import EV_KEY, EV_SYN, SYN_DROPPED, SYN_REPORT, InputEvent

TIOCMGET, TIOCMSET = 0x5415, 0x5418
TIOCM_CTS, TIOCM_DSR = 0x020, 0x100
PASS_ON = -100
"""Result by which libumockdev lets the program's own call through to the pseudo-terminal."""

_POINTER, _TEXT = ctypes.c_void_p, ctypes.c_char_p
_HANDLER = ctypes.CFUNCTYPE(ctypes.c_int, _POINTER, _POINTER, _POINTER)


def _function(library: ctypes.CDLL, name: str, result: Any, *arguments: Any) -> Any:
    found = getattr(library, name)
    found.restype, found.argtypes = result, arguments
    return found


class _Library:
    """The few functions that are needed."""

    def __init__(self) -> None:
        mock = ctypes.CDLL("libumockdev.so.0")
        glib = ctypes.CDLL("libgobject-2.0.so.0")
        self.testbed_new = _function(mock, "umockdev_testbed_new", _POINTER)
        self.root_of = _function(mock, "umockdev_testbed_get_root_dir", _TEXT, _POINTER)
        self.add = _function(mock, "umockdev_testbed_add_from_string", ctypes.c_int, _POINTER, _TEXT, _POINTER)
        self.remove = _function(mock, "umockdev_testbed_remove_device", None, _POINTER, _TEXT)
        self.uevent = _function(mock, "umockdev_testbed_uevent", None, _POINTER, _TEXT, _TEXT)
        self.fd_of = _function(mock, "umockdev_testbed_get_dev_fd", ctypes.c_int, _POINTER, _TEXT)
        self.attach = _function(
            mock, "umockdev_testbed_attach_ioctl", ctypes.c_int, _POINTER, _TEXT, _POINTER, _POINTER
        )
        self.detach = _function(mock, "umockdev_testbed_detach_ioctl", ctypes.c_int, _POINTER, _TEXT, _POINTER)
        self.handler_new = _function(mock, "umockdev_ioctl_base_new", _POINTER)
        self.request_of = _function(mock, "umockdev_ioctl_client_get_request", ctypes.c_ulong, _POINTER)
        self.argument_of = _function(mock, "umockdev_ioctl_client_get_arg", _POINTER, _POINTER)
        self.complete = _function(mock, "umockdev_ioctl_client_complete", None, _POINTER, ctypes.c_long, ctypes.c_int)
        self.resolve = _function(
            mock,
            "umockdev_ioctl_data_resolve",
            _POINTER,
            _POINTER,
            ctypes.c_size_t,
            ctypes.c_size_t,
            ctypes.c_int,
            ctypes.c_int,
            _POINTER,
        )
        self.update = _function(
            mock, "umockdev_ioctl_data_update", None, _POINTER, ctypes.c_size_t, _TEXT, ctypes.c_int
        )
        self.connect = _function(
            glib, "g_signal_connect_data", ctypes.c_ulong, _POINTER, _TEXT, _HANDLER, _POINTER, _POINTER, ctypes.c_int
        )


class _Node:
    """One device node and what answers its ioctls."""

    def __init__(self, tree: Tree, node: str, link: str, syspath: str) -> None:
        """libumockdev takes the link for a device of its own."""
        self.tree = tree
        self.node = node
        self.link = link
        self.syspath = syspath
        self.label = ""
        self.is_grabbed_elsewhere = False
        self.lines = 0
        self.is_gone = False
        self._callback = _HANDLER(self._ioctl)
        handler = tree.library.handler_new()
        tree.library.connect(handler, b"handle-ioctl", self._callback, None, None, 0)
        for name in (node, link):
            tree.library.attach(tree.testbed, name.encode(), handler, None)
        self.master = os.dup(tree.library.fd_of(tree.testbed, node.encode()))

    def _ioctl(self, _handler: int, client: int, _data: int) -> int:
        library = self.tree.library
        result, error, answer = self._answer(library.request_of(client))
        if answer:
            argument = library.resolve(library.argument_of(client), 0, len(answer), 1, 1, None)
            library.update(argument, 0, answer, len(answer))
        library.complete(client, result, error)
        return 1

    def _answer(self, request: int) -> tuple[int, int, bytes]:
        """Result, errno and what is written to the argument."""
        if self.is_gone:
            return -1, errno.EIO, b""
        match request & 0xFFFFFFFF:
            case number if number == EVIOCGNAME:
                return len(self.label) + 1, 0, self.label.encode().ljust(256, b"\0")
            case number if number == EVIOCSCLOCKID:
                return 0, 0, b""
            case number if number == EVIOCGRAB:
                return (-1, errno.EBUSY, b"") if self.is_grabbed_elsewhere else (0, 0, b"")
            case number if number == TIOCMGET:
                return 0, 0, struct.pack("I", self.lines)
            case number if number == TIOCMSET:
                return 0, 0, b""
            case _:
                return PASS_ON, 0, b""

    def send(self, events: list[InputEvent]) -> None:
        os.write(self.master, b"".join(event.to_bytes() for event in events))


class Tree:
    """The emulated tree. Each public method is a command."""

    def __init__(self) -> None:
        self.library = _Library()
        self.testbed = self.library.testbed_new()
        self.root = self.library.root_of(self.testbed).decode()
        self._nodes: dict[str, _Node] = {}
        self._count = 3

    def plug_input(self, name: str, label: str, vendor: str, product: str, keys: list[int]) -> str:
        """A device that sends keys, at a number not used before, with links of its ``name`` below by-path and by-id."""
        self._count += 1
        event = f"event{self._count}"
        parent = f"/devices/pci0000:00/usb1/{name}/input/input{self._count}"
        bits = sum(1 << key for key in keys)
        words = " ".join(f"{bits >> shift & (1 << 64) - 1:x}" for shift in range(640, -64, -64))
        self._add(
            f"P: {parent}\nE: SUBSYSTEM=input\nA: id/vendor={vendor}\\n\nA: id/product={product}\\n\n"
            f"A: name={label}\\n\nA: capabilities/key={words}\\n\n"
        )
        syspath = f"{parent}/{event}"
        self._add(
            f"P: {syspath}\nN: input/{event}\nS: input/by-path/{name}\nE: SUBSYSTEM=input\nE: DEVNAME=/dev/input/{event}\n"
            f"E: MAJOR=13\nE: MINOR={64 + self._count}\nA: dev=13:{64 + self._count}\\n\nL: device=../../input{self._count}\n"
        )
        node = _Node(self, f"/dev/input/{event}", f"/dev/input/by-path/{name}", f"/sys{syspath}")
        node.label = label
        self._nodes[name] = node
        self.library.uevent(self.testbed, node.syspath.encode(), b"add")
        return node.node

    def plug_adapter(self, name: str) -> str:
        """A USB-serial adapter, at a number not used before, with a link of its ``name`` below by-path."""
        self._count += 1
        tty = f"ttyUSB{self._count}"
        syspath = f"/devices/pci0000:00/usb1/{name}/{tty}/tty/{tty}"
        self._add(
            f"P: {syspath}\nN: {tty}\nS: serial/by-path/{name}\nE: SUBSYSTEM=tty\nE: DEVNAME=/dev/{tty}\n"
            f"E: MAJOR=188\nE: MINOR={self._count}\nA: dev=188:{self._count}\\n\n"
        )
        node = _Node(self, f"/dev/{tty}", f"/dev/serial/by-path/{name}", f"/sys{syspath}")
        self._nodes[name] = node
        self.library.uevent(self.testbed, node.syspath.encode(), b"add")
        return node.node

    def unplug(self, name: str) -> None:
        """The device goes: whoever has it open is told, its node and links vanish, and udev says so."""
        node = self._nodes.pop(name)
        pty = str(Path(self.root + node.node).readlink()).replace("/", "_")
        node.is_gone = True
        os.close(node.master)
        os.close(self.library.fd_of(self.testbed, node.node.encode()))
        self.library.uevent(self.testbed, node.syspath.encode(), b"remove")
        for path in (node.node, node.link):
            self.library.detach(self.testbed, path.encode(), None)
        self.library.remove(self.testbed, node.syspath.encode())
        for left in (node.link, f"/dev/.ptymap/{pty}"):
            Path(self.root + left).unlink(missing_ok=True)

    def unplug_all(self) -> None:
        """Whatever is still there goes."""
        for name in list(self._nodes):
            self.unplug(name)

    def press(self, name: str, code: int) -> None:
        """One key pressed and released."""
        self._nodes[name].send(_strokes([(code, 1), (code, 0)]))

    def strokes(self, name: str, codes: list[tuple[int, int]]) -> None:
        """Keys pressed (1) and released (0), each followed by a report."""
        self._nodes[name].send(_strokes(codes))

    def lose(self, name: str) -> None:
        """The queue has run over."""
        now_s = time.monotonic()
        self._nodes[name].send([InputEvent(EV_SYN, SYN_DROPPED, 0, now_s), InputEvent(EV_SYN, SYN_REPORT, 0, now_s)])

    def grab(self, name: str, elsewhere: bool) -> None:
        """Another program has the device for itself, or lets it go."""
        self._nodes[name].is_grabbed_elsewhere = elsewhere

    def line(self, name: str, cts: bool) -> None:
        """The adapter's CTS line is asserted or not."""
        self._nodes[name].lines = TIOCM_CTS if cts else 0

    def _add(self, description: str) -> None:
        if not self.library.add(self.testbed, description.encode(), None):
            raise ValueError(f"not understood: {description}")


def _strokes(codes: list[tuple[int, int]]) -> list[InputEvent]:
    now_s = time.monotonic()
    events = []
    for code, value in codes:
        events += [InputEvent(EV_KEY, code, value, now_s), InputEvent(EV_SYN, SYN_REPORT, 0, now_s)]
    return events


def main() -> None:
    """Serve one client at the socket of this path, after saying where the tree is on standard output."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(sys.argv[1])
        server.listen(1)
        tree = Tree()
        print(tree.root, flush=True)
        connection, _ = server.accept()
        with connection, connection.makefile("rw", encoding="utf-8") as client:
            for line in client:
                name, *arguments = json.loads(line)
                client.write(json.dumps(getattr(tree, name)(*arguments)) + "\n")
                client.flush()


if __name__ == "__main__":
    main()
