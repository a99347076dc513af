"""What Prometheus reads of a running station: counted from the station's events alone, served as text.

``exposition`` is the text format, ``collector`` turns events into numbers, ``server`` hands them out over HTTP.
"""
