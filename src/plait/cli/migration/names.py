"""What a name in a file stands for, as far as the file itself says it."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

from plait.cli.migration import NEW, OLD

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
KINDS = frozenset({
    "bundle", "copy", "goto", "guard", "if_else", "interrupt", "log", "map_reduce", "no_op", "parallel", "pause",
    "step", "subgraph", "switch", "terminate", "toggle", "transform", "try_catch", "while_do",
})  # fmt: skip
"""The functions that make steps."""

CLASSES = {
    "ComponentStep": "step",
    "ConditionalStep": "conditional",
    "GoToStep": "goto",
    "GuardStep": "guard",
    "InterruptStep": "interrupt",
    "LogStep": "log",
    "MapReduceStep": "map_reduce",
    "NoOpStep": "no_op",
    "ParallelStep": "parallel",
    "PauseStep": "pause",
    "StateOperatorStep": "transform",
    "SubgraphStep": "subgraph",
    "TerminatorStep": "terminate",
    "TryCatchStep": "try_catch",
    "WhileDoStep": "while_do",
}
"""The classes behind them, and the kind of each."""

BUILDERS = {"when": "if_else"}
"""Methods of the composer that are not called as the kind of step they make."""


def modules(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every module that a file imports, with the line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level:
            yield node.lineno, node.module or ""
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name


class Names:
    """The imports, definitions and single assignments of a file."""

    def __init__(self, tree: ast.Module) -> None:
        self.imported: dict[str, str] = {}
        self.functions: dict[str, Function] = {}
        values: dict[str, ast.expr] = {}
        times: Counter[str] = Counter()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    first = alias.name.split(".")[0]
                    self.imported[alias.asname or first] = alias.name if alias.asname else first
            elif isinstance(node, ast.ImportFrom) and not node.level:
                for alias in node.names:
                    self.imported[alias.asname or alias.name] = f"{node.module}.{alias.name}"
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                self.functions[node.name] = node
                times[node.name] += 1
            elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    if isinstance(target, ast.Name):
                        values[target.id] = node.value
                        times[target.id] += 1
        # A name that is given twice may be either, so it is neither.
        self.values = {name: value for name, value in values.items() if times[name] == 1}
        self.functions = {name: found for name, found in self.functions.items() if times[name] == 1}

    def dotted(self, node: ast.expr) -> str | None:
        """The full name of what an expression names: ``steps.step`` becomes ``gllm_pipeline.steps.step``."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in self.imported:
            return None
        return ".".join([self.imported[node.id], *reversed(parts)])

    def ours(self, node: ast.expr) -> str | None:
        """The name of it inside the original or the module that takes its place, without the path."""
        name = self.dotted(node)
        if name is None or not name.startswith((f"{OLD}.", f"{NEW}.")):
            return None
        return name.rpartition(".")[2]

    def kind(self, node: ast.expr) -> str | None:
        """Which kind of step a call makes, or None."""
        if not isinstance(node, ast.Call):
            return None
        name = self.ours(node.func)
        if name is not None:
            return name if name in KINDS else CLASSES.get(name)
        if isinstance(node.func, ast.Attribute) and self.is_composer(node.func.value):
            name = BUILDERS.get(node.func.attr, node.func.attr)
            return name if name in KINDS else None
        return None

    def is_composer(self, node: ast.expr) -> bool:
        """Whether an expression is a composer, however long its chain is by now."""
        while True:
            if isinstance(node, ast.Attribute):
                if node.attr == "composer":
                    return True
                node = node.value
            elif isinstance(node, ast.Call):
                if self.ours(node.func) == "Composer":
                    return True
                node = node.func
            elif isinstance(node, ast.Name) and node.id in self.values:
                found = self.values[node.id]
                if found is node or any(n is node for n in ast.walk(found)):
                    return False
                node = found
            else:
                return False

    def is_flow(self, node: ast.expr) -> bool:
        """Whether an expression is a pipeline or a step."""
        node = self.value(node)
        if isinstance(node, ast.BinOp):
            return self.is_flow(node.left) or self.is_flow(node.right)
        if not isinstance(node, ast.Call):
            return False
        return self.ours(node.func) == "Pipeline" or self.kind(node) is not None

    def is_pipeline(self, node: ast.expr) -> bool:
        """Whether an expression is a pipeline."""
        node = self.value(node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr | ast.LShift | ast.RShift):
            return self.is_flow(node)
        return isinstance(node, ast.Call) and (
            self.ours(node.func) == "Pipeline"
            or (
                isinstance(node.func, ast.Attribute)
                and node.func.attr == "done"
                and self.is_composer(node.func)
            )
        )

    def value(self, node: ast.expr) -> ast.expr:
        """What a name was given, if it was given once in the file; else the expression itself."""
        for _ in range(8):
            if not isinstance(node, ast.Name) or node.id not in self.values:
                break
            node = self.values[node.id]
        return node

    def function(self, node: ast.expr | None) -> Function | None:
        """The function of the file that an expression is."""
        if node is None:
            return None
        if isinstance(node, ast.Name) and node.id in self.functions:
            return self.functions[node.id]
        node = self.value(node)
        return node if isinstance(node, ast.Lambda) else None
