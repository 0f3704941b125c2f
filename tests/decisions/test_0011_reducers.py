"""Record 0011: reducers merge deltas, never end values."""

from __future__ import annotations

import operator
from typing import Annotated, Any, TypedDict

import pytest
from tests.decisions.lab import Bench, run_row
from tests.decisions.reading import names, table

from plait import DefinitionError, Pipeline

ROWS = table("0011-reducers", "case", "given", "pipeline", "run as", "order", "result")


class Notes(TypedDict, total=False):
    notes: Annotated[list[str], operator.add]
    top: Annotated[Any, max]
    a: Any
    b: Any
    s: Any
    t: Any


def words(bench):
    def note(text, **options):
        return bench.pure(text, to="notes", gives=[text], **options)

    def wrong(name):
        return bench.pure(name, to="notes", gives=5)

    def look(name):
        return bench.pure(name, "notes")

    return {**bench.words(), "note": note, "wrong": wrong, "look": look, "Notes": Notes}


@pytest.mark.parametrize("row", ROWS, ids=names(ROWS))
def test_deltas_are_merged_in_listed_order(row):
    bench = Bench()
    run_row(row, bench, words(bench), state_type=Notes)


async def join(old, new):
    return old + new


class Joined(TypedDict):
    notes: Annotated[list[str], join]


def test_an_async_reducer_is_refused_where_the_state_type_is_read():
    bench = Bench()
    with pytest.raises(DefinitionError, match="reducers are plain functions"):
        Pipeline([words(bench)["note"]("1")], state_type=Joined)
