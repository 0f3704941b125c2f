"""The reader of the truth tables: a table that says nothing, or something that nobody reads, is an error."""

from __future__ import annotations

import pytest
from tests.decisions.reading import names, table

TEXT = """
# 0000: a record

| other | table |
| --- | --- |
| no | matter |

| case | pipeline | result |
| --- | :-: | --- |
| one | `[a, b]` | `a \\| b` |
| two | | 2 |

| case | pipeline | result |
|---|---|---|
| three | c | 3 |
"""


def read(*columns, text=TEXT):
    return table("0000-a-record", *columns, text=text)


def test_rows_are_read_by_column_from_every_table_with_this_header():
    rows = read("case", "pipeline", "result")
    assert names(rows) == ["one", "two", "three"]
    assert rows[0] == {"case": "one", "pipeline": "[a, b]", "result": "a | b"}
    assert rows[1]["pipeline"] == ""


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        (("case", "pipeline"), TEXT),  # a column is not looked at
        (("case", "pipeline", "results"), TEXT),
        (("case", "result"), "| case | result |\n| --- | --- |\n\ntext"),
        (("case", "result"), "| case | result |\n| --- | --- |\n| one | 1 | 2 |"),
        (("case", "result"), "| case | result |\n| --- | --- |\n| one | 1 |\n| one | 1 |"),
    ],
)
def test_a_table_that_can_not_be_read_as_it_is_meant_is_an_error(columns, text):
    with pytest.raises(LookupError):
        read(*columns, text=text)


def test_a_record_that_is_gone_is_an_error():
    with pytest.raises(FileNotFoundError):
        table("9999-nothing", "case")
