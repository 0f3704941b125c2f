"""Record how the cases end on the original, for machines where it is not installed.

    python tests/compat/gllm/record.py            write expected.json beside this file
    python tests/compat/gllm/record.py NAME ...   show how single cases end, and write nothing

Any Python that has gllm-pipeline-binary will do. For the cases with a checkpointer it also needs
gllm-datastore-binary and chromadb: without them these cases keep what was recorded before.
"""

from __future__ import annotations

import json
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from unittest.mock import MagicMock

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from tests.compat.gllm.cases import CASES  # noqa: E402  (the path comes first)
from tests.compat.gllm.library import is_there, real, versions  # noqa: E402
from tests.compat.gllm.playing import play  # noqa: E402

EXPECTED = Path(__file__).with_name("expected.json")
TORCH = ("torch", "torch.nn", "torch.nn.functional")


def without_torch() -> None:
    """Let the routers be imported: the package loads torch for one of them, and no case uses that one."""
    if not is_there("torch"):
        for name in TORCH:
            module = MagicMock()
            module.__spec__ = ModuleSpec(name, None)
            module.__path__ = []
            sys.modules[name] = module


def main(names: list[str]) -> int:
    """Play the cases and write down how they ended."""
    without_torch()
    library = real()
    if library is None:
        print("gllm-pipeline-binary is not installed here")
        return 2
    if names:
        for name in names:
            print(json.dumps({name: play(CASES[name], library)}, indent=1))
        return 0
    before = json.loads(EXPECTED.read_text("utf-8")) if EXPECTED.exists() else {}
    recorded = {}
    for name, one in CASES.items():
        if one.needs and not is_there(one.needs) and one.needs not in sys.modules:
            if name in before:
                recorded[name] = before[name]
            continue
        recorded[name] = {"outcome": play(one, library), "library": versions()}
    EXPECTED.write_text(json.dumps(recorded, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(f"{len(recorded)} of {len(CASES)} cases recorded")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
