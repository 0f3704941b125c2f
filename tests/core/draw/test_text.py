"""The drawing for a terminal."""

from __future__ import annotations

from plait.core.draw import text


def test_the_analysis(analysis):
    assert text(analysis) == (
        "analysis, 5 steps\n"
        "● extract            document → text\n"
        "↓ parallel analyses  at most 2 at once\n"
        "│ ╠ sentiment        text → mood\n"
        "│ ╚ topics           text → topics\n"
        "↓ report             mood, topics → report\n"
        "↓ save (effect)      report → ·\n"
    )


def test_everything(everything):
    assert text(everything) == (
        "everything, 17 steps\n"
        "● load                  path → raw\n"
        "↓ parallel parts        on error: collect\n"
        "│ ╠ branch text\n"
        "│ ║ ● clean             raw → text\n"
        "│ ║ ↓ pipeline words\n"
        "│ ║   ● tokenise        text → tokens\n"
        "│ ║   ↓ count           tokens → counts\n"
        "│ ╚ branch pictures\n"
        "│   ● find              raw → pics\n"
        "│   ↓ parallel caption  first to succeed\n"
        "│     ╠ fast            pics → cap\n"
        "│     ╚ slow            pics → cap\n"
        "↓ one                   raw → a\n"
        "↓ two                   a → b\n"
        "↓ parallel\n"
        "│ ╠ left                b → c\n"
        "│ ╚ right               b → d\n"
        "↓ dataflow mix\n"
        "│ ◇ x                   c → xc\n"
        "│ ◇ y                   d → yd\n"
        "│ ◇ z1                  xc → z1   after x\n"
        "│ ◇ z2                  yd → z2   after y, z1\n"
        "│ ◇ w                   z1, z2 → w   after z1, z2\n"
        "↓ say (effect)          w → ·\n"
    )


def test_what_decides(deciding):
    assert text(deciding) == (
        "deciding, 21 steps\n"
        "● load                   path → pages\n"
        "↓ guard allowed          pages → ·   asks is_long\n"
        "│ └ failure\n"
        "│   ● refuse             pages → answer\n"
        "│   ↓ terminate          · → ·\n"
        "↓ sum_up × n             pages → sums, at most 4 at once, on error: empty\n"
        "↓ while_do refine        at most 3 turns\n"
        "│ │ ● draft              sums → text\n"
        "│ │ ↓ review             text → score\n"
        "│ └ again while is_long  score → ·\n"
        "↓ try_catch look_up      on ConnectionError\n"
        "│ │ ● fetch              text → source\n"
        "│ │ ↓ parse              source → facts\n"
        "│ └ on ConnectionError\n"
        "│   ● cached             text → facts\n"
        "↓ switch route           text → way\n"
        "│ ├ deep\n"
        "│ │ ● search             text → found\n"
        "│ │ ↓ read               found → answer\n"
        "│ ├ quick\n"
        "│ │ ● reply              text → answer\n"
        "│ └ otherwise\n"
        "│   ● shrug              text → answer\n"
        "↓ toggle polish          polish → ·\n"
        "│ └ true\n"
        "│   ● polish             answer → answer\n"
        "↓ goto over              · → ·   to save\n"
        "↓ skipped                answer → x\n"
        "↓ save (effect)          way → ·   on error: keep\n"
    )


def test_a_pipeline_in_order_of_its_data(made, do):
    bound = made([do("a", ["in"], "x"), do("b", ["in"], "y"), do("c", ["x", "y"], "z")], order="dataflow")
    assert text(bound) == (
        "pipeline, 3 steps, each as soon as its data is there\n"
        "◇ a  in → x\n"
        "◇ b  in → y\n"
        "◇ c  x, y → z   after a, b\n"
    )


def test_no_line_is_longer_than_a_terminal(made, do):
    keys = [f"a_key_with_a_rather_long_name_{i}" for i in range(9)]
    drawn = text(made([do("n" * 90, keys, "out")], name="p"))
    assert max(len(line) for line in drawn.splitlines()) <= 100
    assert "…" in drawn


def test_names_cannot_draw(hostile):
    drawn = text(hostile)
    assert not [c for c in drawn if c != "\n" and not c.isprintable()]
    assert len(drawn.splitlines()) == 1 + 11 + 1 + 1 + 2  # title, steps, two blocks, two branches
