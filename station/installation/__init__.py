"""The station as a service of this computer: what ``station install`` writes and does, and how ``station uninstall`` undoes it.

``unit`` writes the systemd unit, ``references`` finds what a configuration needs of the computer, ``plan`` lists the steps,
``files`` writes and removes files. Everything lies below a root folder, ``/`` or another one.
"""
