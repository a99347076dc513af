"""A session log in forms that other programs read. Pure: a log that was read and checked goes in, bytes come out.

``har`` the HTTP exchanges · ``pcapng`` the bytes and lines of every channel · ``plain`` JSON lines. A log holds no secret, so
neither does any of them.
"""
