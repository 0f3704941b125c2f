"""Amounts: exact, with errors that say what to write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.core.amounts import amount_of, said, thousandths
from plait.errors import DefinitionError


@given(st.integers(1, 10**9))
def test_three_decimals_are_counted_exactly(count):
    value = float(f"{count // 1000}.{count % 1000:03}")
    assert thousandths(amount_of(value, "gpu", "x")) == count


@pytest.mark.parametrize(
    ("size", "many"),
    [
        ("500 MB", 500_000_000),
        ("512 MiB", 512 * 1024**2),
        ("2GB", 2_000_000_000),
        ("1.5 gib", 3 * 1024**3 // 2),
        (" 3 kB ", 3000),
        ("2 kib", 2048),
        ("1 TB", 10**12),
        ("7 B", 7),
        (5, 5),
    ],
)
def test_sizes(size, many):
    assert amount_of(size, "memory", "x") == many


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ("500", "a size says its unit: write '500 MB', or the bytes as a number"),
        ("5 MIBB", "'MIBB' is no unit of memory; did you mean 'MiB'"),
        ("5 parsec", "'parsec' is no unit of memory; the units are B, kB, KiB, MB"),
        ("many", "a size is a number with a unit"),
        ("-5 MB", "a size is a number with a unit"),
        ("0 MB", "that is 0 bytes"),
        ("0.5 B", "memory is a whole number of them"),
        (0, "a whole number of bytes from 1"),
        (1.5, "a whole number of bytes from 1"),
        (True, "a whole number of bytes from 1"),
    ],
)
def test_a_wrong_size_says_what_to_write(size, message):
    with pytest.raises(DefinitionError, match=message):
        amount_of(size, "memory", f"memory is {size!r}")


def test_amounts_in_messages():
    assert [said(n, "gpu") for n in (1, 0.5)] == ["1", "0.5"]
    assert [said(n, "memory") for n in (999, 500_000_000, 25_273_864_192)] == ["999 B", "500 MB", "25.3 GB"]
