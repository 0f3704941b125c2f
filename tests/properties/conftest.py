"""Which property tests run by default.

Both files still find defects in rare corners (opaque readers beside collecting blocks inside an embedded
pipeline, and more), so they are off by default until those are mended: take a file off this list to run it.
"""

from __future__ import annotations

collect_ignore: list[str] = []
