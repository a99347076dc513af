"""The hardware around a measured station, in a process of its own: boards on paced ptys, scanners, a label printer on TCP.

``python -m benchmarks.hardware SOCKETS BAUD PRINT_S`` says where all of it is as a JSON line, then does what standard input
says, a JSON line each: ``{"insert": "A", "scan": true}`` puts a new board into a socket and scans its traveller,
``{"lift": "A"}`` takes it out. An order with ``"say": true`` is answered, with an empty object, when it is done. It ends with its
standard input.
"""

from __future__ import annotations

import json
import random
import sys

from drivers.simulated.link import PtyLink, TcpLink
from drivers.simulated.print_queue import PrinterManners
from drivers.simulated.scanner import SimulatedScanner
from drivers.simulated.stm32_chip import SimulatedStm32
from drivers.simulated.zpl_printer import SimulatedZplPrinter
from station.demo import APP_EUI_ADDRESS, PART, socket_names


def main(sockets: int, baud: int, print_s: float) -> None:
    """See the module."""
    names = socket_names(sockets)
    uarts = {name: PtyLink(baud=baud or None) for name in names}
    scanners = {name: PtyLink(SimulatedScanner()) for name in names}
    printers = {name: TcpLink(SimulatedZplPrinter(PrinterManners(print_s=print_s))) for name in names}
    chance, boards = random.Random(), 0
    where = {
        name: {"uart": uarts[name].path, "scanner": scanners[name].path, "printer": printers[name].address}
        for name in names
    }
    sys.stdout.write(json.dumps(where) + "\n")
    sys.stdout.flush()
    for line in sys.stdin:
        order = json.loads(line)
        if "insert" in order:
            boards += 1
            app_eui = bytes.fromhex("70b3d57ed0") + chance.randbytes(3)
            board = SimulatedStm32(PART, chance.randbytes(12), contents={APP_EUI_ADDRESS: app_eui})
            uarts[order["insert"]].insert(board)
            if order.get("scan"):
                SimulatedScanner().scan(scanners[order["insert"]], f"BOARD-{boards:06d}")
        else:
            uarts[order["lift"]].lift()
        if order.get("say"):
            sys.stdout.write("{}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
