"""The bytes that wake a chip in whatever state it is, chosen so that they can never complete a command.

A fresh chip answers its first byte, which must be 7F, with ACK. A chip in sync holds 7F as half a command and answers the next byte
with NACK. A chip whose client died in the middle of a command takes what comes as the rest of it, in silence, until that command's
check byte; so every byte sent to wake it may be an address, a page number or data, and one of them is the check. Repeating 7F is
not harmless: behind the address of a WRITE MEMORY it is a length of 128, 128 data bytes and a checksum that fits; behind the
length byte 00 of an ERASE, two of them erase page 7F. Nor are ``FF 00`` pairs: behind ERASE they are the mass erase.

``wake_bytes`` is therefore built byte by byte. With ``sum[k]`` the XOR of its first k bytes, a command that still waits for p bytes
and its check, and whose bytes so far have the XOR x, is completed exactly when ``sum[p+1] == x``. Forbidden are all sums that would
complete

1. a command cut off between two bytes that belong to one check, where x is 0 (the most likely value: repeated bytes, or the lost
   byte was a 00), and with it everything cut off right before a check's first byte: addresses, counts, lengths;
2. WRITE MEMORY, ERASE or WRITE PROTECT cut off behind any length or count byte n: x = n, p = n+1;
3. EXTENDED ERASE cut off behind any count h,l: x = h XOR l, p = 2(hl+1), or behind h alone;
4. a WRITE MEMORY whose length would be any one of these bytes themselves, wherever it starts among them;
5. the WRITE MEMORY that took a GET ID, sent because a byte of noise looked like an answer, for its first two bytes: x = FF, p = 2.

From the second byte on every sum is 1 more than a multiple of 4, since the fillers are multiples of 4. A WRITE MEMORY takes 4n
bytes, so where its data are all 00 or all FF, the likeliest there are, x is 3 more than a multiple of 4 or a multiple itself, and
never fits. No two neighbours are complements, so that no command is ever formed; and the bytes are high, so that as page numbers
they name no page that most parts have.

What no sequence can do: where a client died inside its data, x may be anything, and for each p one value of x in 256 fits. Then
the interrupted command itself is completed: no address but the one it named is touched, and whoever sent it must read back what
it wrote. A jig that can reset its boards never depends on any of this: its chips are fresh.
"""

from __future__ import annotations

from functools import lru_cache

from drivers.bootloader.stm32.codec import SYNC

BREAKER = 0xFE
"""Sent behind a 7F that was not answered: makes an idle chip answer NACK and completes nothing (rules 1 to 5)."""
FILLERS = (0xFC, 0xF8, 0xF4, 0xEC, 0xDC)
PROBE = bytes([SYNC, BREAKER])
"""Sent back to back, it draws an ACK or a NACK from any chip that is fresh or idle, in one turn."""


@lru_cache(maxsize=4)
def wake_bytes(size_bytes: int) -> bytes:
    """The first ``size_bytes`` (2 or more) of the sequence: 7F, FE, then fillers, nearly all of them FC."""
    sums = [0]
    sequence: list[int] = []
    completing: dict[int, set[int]] = {}
    for k in range(1, size_bytes + 1):
        forbidden = completing.pop(k, set()) | _sums_of_cut_off_commands(k)
        choices = (PROBE[k - 1],) if k <= len(PROBE) else FILLERS
        byte = next(choice for choice in choices if sums[-1] ^ choice not in forbidden)
        completing.setdefault(k + byte + 2, set()).add(sums[-1])  # rule 4: this byte as a length
        sequence.append(byte)
        sums.append(sums[-1] ^ byte)
    return bytes(sequence)


def _sums_of_cut_off_commands(k: int) -> set[int]:
    """What the XOR of the first k bytes must not be (rules 1, 2, 3 and 5)."""
    forbidden = {0}
    if 0 <= k - 2 <= 0xFF:
        forbidden.add(k - 2)
    count = (k - 3) // 2
    if k % 2 and 0 <= count <= 0xFFFF:
        forbidden.add((count >> 8) ^ (count & 0xFF))
    count = (k - 4) // 2
    if k % 2 == 0 and 0 <= count <= 0xFFFF and count & 0xFF == SYNC:
        forbidden.add(count >> 8)
    if k == 3:
        forbidden.add(0xFF)
    return forbidden
