"""``python -m station``: the command, where its script is not on the path."""

from station.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
