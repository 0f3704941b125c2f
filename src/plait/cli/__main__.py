"""``python -m plait.cli`` is the ``plait`` program, for places where the program is not on the path."""

from __future__ import annotations

import sys

from plait.cli import main

if __name__ == "__main__":
    sys.exit(main())
