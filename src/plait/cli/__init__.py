"""The command line. Each command is one file, which is loaded when the command is named.

    plait run | check | plan | draw | rule | new | migrate | doctor | version

This module is what the ``plait`` program imports first, so it imports nothing itself: besides what ``import plait``
brings, ``plait --help`` loads click and a table of names.
"""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the ``plait`` program and return its exit code.

    Args:
        arguments: the words after ``plait``; by default those that the process was started with.
    """
    try:
        from plait.cli.app import invoke

        return invoke(arguments)
    except KeyboardInterrupt:  # pressed while modules were being loaded
        return 130
