"""Run the stm32loader command, unchanged, on a pty: ``python stm32loader_on_pty.py ARGUMENTS``.

stm32loader drives DTR and RTS whether or not they are wired, and a pty has none (errno 25), so pyserial is told to leave them
alone.
"""

import sys

import serial
from stm32loader.main import main

if __name__ == "__main__":
    serial.Serial._update_dtr_state = serial.Serial._update_rts_state = lambda self: None
    main(*sys.argv[1:], avoid_system_exit=False)
