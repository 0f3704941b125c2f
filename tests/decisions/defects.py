"""Rows that do not hold yet: each is a defect of the library that is known and being mended, and expected to fail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from tests.decisions.reading import Row, names


def marked(rows: Sequence[Row], defects: Mapping[str, str]) -> list[Any]:
    """The rows as parameters, named by their first cells; those with a known defect must fail.

    Args:
        rows: the rows of a table.
        defects: the name of a row, and what is wrong with the library.
    """
    unknown = set(defects) - set(names(rows))
    assert not unknown, f"there is no row {unknown}"
    return [
        pytest.param(
            row,
            id=name,
            marks=[pytest.mark.xfail(strict=True, reason=defects[name])] if name in defects else (),
        )
        for name, row in zip(names(rows), rows, strict=True)
    ]
