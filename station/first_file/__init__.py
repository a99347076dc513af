"""The first configuration of a station: what is plugged in, a few questions, and a commented file that ``config check`` takes.

``plugged_in`` looks, ``questions`` asks, ``writing`` writes.
"""
