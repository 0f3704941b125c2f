"""What steps do otherwise than in the original, where a file says so in plain words."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from plait.cli.migration.advice import File, Finding
from plait.cli.migration.calls import Use, argument, constant, reads, steps, words, writes
from plait.core.names import listing

_CONDITIONAL = ("if_else", "switch", "toggle", "guard", "conditional")
_AWAITED_NOW = {
    "if_else": "the else branch was always chosen",
    "toggle": "the branch was never run",
    "guard": "everything was let through",
}


def _branches(file: File, call: ast.Call) -> Iterator[list[tuple[str, ast.Call]]]:
    found = argument(call, "branches", "parallel")
    if found is None:
        return
    found = file.names.value(found)
    values: list[ast.expr | None] = []
    if isinstance(found, ast.List | ast.Tuple):
        values = list(found.elts)
    elif isinstance(found, ast.Dict):
        values = list(found.values)
    for value in values:
        if value is not None:
            yield list(steps(value, file.names))


def _forks(file: File) -> Iterator[list[list[tuple[str, ast.Call]]]]:
    """The branches of every parallel of the file, those of a composer's builder too."""
    for _, call in file.of_kind("parallel"):
        found = list(_branches(file, call))
        if found:
            yield found
    last: set[ast.expr] = set()
    for call in file.methods("fork"):
        if call in last or not file.names.is_composer(call):
            continue
        chain: list[list[tuple[str, ast.Call]]] = []
        node: ast.expr = call
        while (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "fork"
        ):
            last.add(node)
            chain.append(list(steps(node.args[0], file.names)) if node.args else [])
            node = node.func.value
        yield chain[::-1]


def same_key(file: File) -> Iterator[Finding]:
    """Two branches of one parallel write the same key."""
    for branches in _forks(file):
        first: dict[str, int] = {}
        for number, branch in enumerate(branches):
            for use in (use for kind, call in branch for use in writes(kind, call)):
                if first.setdefault(use.key, number) != number:
                    yield Finding(
                        use.line,
                        "same-key",
                        f"two branches write {use.key!r}: the last listed won, without a word; now it is refused",
                        "give each branch a key of its own and join them in a later step, or give the key a "
                        "reducer in the state type",
                    )


def sibling(file: File) -> Iterator[Finding]:
    """A branch reads what another branch writes."""
    for branches in _forks(file):
        written: dict[str, set[int]] = {}
        for number, branch in enumerate(branches):
            for use in (use for kind, call in branch for use in writes(kind, call)):
                written.setdefault(use.key, set()).add(number)
        for number, branch in enumerate(branches):
            mine: set[str] = set()
            for kind, call in branch:
                found: list[Use] = [] if kind == "parallel" else list(reads(kind, call))
                for use in found:
                    if use.key not in mine and written.get(use.key, set()) - {number}:
                        yield Finding(
                            use.line,
                            "sibling",
                            f"it reads {use.key!r}, which another branch of the same block writes: it got the old "
                            "value; now it is refused",
                            "move it after the block, or into the branch that writes the key",
                        )
                mine |= {use.key for use in writes(kind, call)}


def squash(file: File) -> Iterator[Finding]:
    """`squash=` chooses between two engines of which there is one."""
    for _, call in file.of_kind("parallel"):
        found = argument(call, "squash", "parallel")
        if found is not None:
            yield Finding(
                found.lineno,
                "squash",
                "squash= has no effect: there is one engine, and every branch is traced and can be cancelled",
                "remove it",
            )


def leaving(file: File) -> Iterator[Finding]:
    """A terminate or guard inside a branch works now."""
    for _, block in file.of_kind("parallel"):
        for branch in _branches(file, block):
            for kind, call in branch:
                if kind in {"terminate", "guard"}:
                    yield Finding(
                        call.lineno,
                        "ends-in-branch",
                        f"{kind} in a branch had no effect; now it ends its branch, and its pipeline after the block",
                        "see whether the rest of the pipeline may be left out then",
                    )


def conditions(file: File) -> Iterator[Finding]:
    """Conditions that were never awaited, were taken for true, or hid their errors."""
    for kind, call in file.of_kind(*_CONDITIONAL):
        given = argument(call, "condition", kind)
        found = given if given is None else file.names.value(given)
        several = (
            found.elts if isinstance(found, ast.List | ast.Tuple) else [given] if given is not None else []
        )
        for one in several:
            yield from _condition(file, kind, call, one)


def _condition(file: File, kind: str, call: ast.Call, given: ast.expr) -> Iterator[Finding]:
    function = file.names.function(given)
    line = given.lineno
    awaited = isinstance(function, ast.AsyncFunctionDef) and kind in _AWAITED_NOW
    if awaited:
        yield Finding(
            line,
            "async-condition",
            f"an async condition was not awaited: {_AWAITED_NOW[kind]}; now it is awaited",
            "test the branch that has never run",
        )
    answers = [] if function is None else _answers(function)
    if kind == "guard" and any(
        isinstance(answer, ast.Constant) and isinstance(answer.value, str) for answer in answers
    ):
        yield Finding(
            line,
            "word-condition",
            'a guard let through whenever its condition answered a word, "false" too; now "true" and "false" are '
            "understood, and other words are refused",
            "answer True or False",
        )
    if kind == "guard" and function is None and isinstance(file.names.value(given), ast.Call):
        yield Finding(
            line,
            "component-guard",
            'a guard let through when its component answered "false"; now it stops there',
            "test what happens to inputs that it should stop",
        )
    if kind in _AWAITED_NOW and any(_is_a_number(answer) for answer in answers):
        yield Finding(
            line,
            "number-condition",
            "a condition that answered a number "
            + ("let everything through that is not 0" if kind == "guard" else "never chose the first branch")
            + "; now it is refused",
            "answer True or False: compare it, or bool(...)",
        )
    if function is not None and not awaited and (keys := sorted(set(_subscripts(function)))):
        yield Finding(
            line,
            "condition-error",
            f"it reads {listing(keys)}: where a key was missing, or anything else raised, the "
            + ("guard failed" if kind == "guard" else "else branch was chosen")
            + "; now the error ends the run",
            "use state.get(...) where a key may be absent",
        )
    if function is not None and kind != "while_do" and _renames(call, kind):
        yield Finding(
            line,
            "condition-names",
            "a function as condition did not get the names of its input_map, failed, and the else branch was "
            "chosen; now it gets them",
            "test the branch that has never run",
        )


def _answers(function: ast.AST) -> list[ast.expr]:
    if isinstance(function, ast.Lambda):
        body = function.body
        return [body.body, body.orelse] if isinstance(body, ast.IfExp) else [body]
    return [
        node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value is not None
    ]


def _is_a_number(answer: ast.expr) -> bool:
    if isinstance(answer, ast.Constant):
        return isinstance(answer.value, int | float) and not isinstance(answer.value, bool)
    return (
        isinstance(answer, ast.Call)
        and isinstance(answer.func, ast.Name)
        and answer.func.id in {"len", "sum"}
    )


def _subscripts(function: ast.Lambda | ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    parameters = function.args.posonlyargs + function.args.args
    if not parameters:
        return
    for node in ast.walk(function):
        if (
            isinstance(node, ast.Subscript)
            and isinstance(node.value, ast.Name)
            and node.value.id == parameters[0].arg
            and (key := constant(node.slice)) is not None
        ):
            yield key


def _renames(call: ast.Call, kind: str) -> bool:
    found = argument(call, "input_map", kind)
    return isinstance(found, ast.Dict) and any(
        (to := constant(key)) is not None and (source := constant(value)) is not None and to != source
        for key, value in zip(found.keys, found.values, strict=True)
    )


def unmatched(file: File) -> Iterator[Finding]:
    """A switch without default."""
    for _, call in file.of_kind("switch"):
        if argument(call, "default", "switch") is None and not _has_method(file, call, "default"):
            yield Finding(
                call.lineno,
                "switch",
                "without default= what matched no branch was skipped, although documented to raise; now it is refused",
                "add default=no_op() if it may be skipped",
            )


def _has_method(file: File, call: ast.Call, name: str) -> bool:
    """Whether the chain of a composer's builder goes on with this method."""
    return any(any(node is call for node in ast.walk(found.func)) for found in file.methods(name))


def jumps(file: File) -> Iterator[Finding]:
    """Goto jumps."""
    for _, call in file.of_kind("goto"):
        yield Finding(
            call.lineno,
            "goto",
            "goto did not jump: the next step ran as well, and what follows the target ran twice; now it jumps, and "
            "an unknown target is refused",
            "see that what lies between may be left out",
        )


def after_loops(file: File) -> Iterator[Finding]:
    """What follows a loop runs once."""
    for node in file.nodes:
        if isinstance(node, ast.List):
            for element in node.elts[:-1]:
                found = file.names.value(element)
                if file.names.kind(found) == "while_do":
                    yield _after_loop(found.lineno)
    for call in file.methods("while_do"):
        if file.names.is_composer(call) and any(
            isinstance(other.func, ast.Attribute) and other.func.attr != "done" and other.func.value is call
            for other in file.calls
        ):
            yield _after_loop(call.lineno)


def _after_loop(line: int) -> Finding:
    return Finding(
        line,
        "after-loop",
        "what follows while_do ran after every turn of the loop; now it runs once, when the loop has ended",
        "look for whatever counted on that",
    )


def outputs(file: File) -> Iterator[Finding]:
    """Several outputs from a dict."""
    for kind, call in file.of_kind("transform"):
        found = argument(call, "output_state", kind)
        function = file.names.function(argument(call, "operation", kind))
        if isinstance(found, ast.List) and function is not None:
            for answer in _answers(function):
                if isinstance(answer, ast.Dict):
                    yield Finding(
                        call.lineno,
                        "several-outputs",
                        "of a dict the keys were stored, not the values; now each output gets the value of its name",
                        f"see that the dict has exactly {listing(words(found))}",
                    )
                    break


def retries(file: File) -> Iterator[Finding]:
    """Retry settings that work now."""
    for call in file.calls:
        name = file.names.dotted(call.func)
        if name is None or name.rpartition(".")[2] != "RetryConfig":
            continue
        for keyword in call.keywords:
            if keyword.arg in {
                "retry_on_exceptions",
                "non_retryable_exceptions",
                "timeout",
                "error_translators",
            }:
                yield Finding(
                    keyword.value.lineno,
                    "retry",
                    f"{keyword.arg}= had no effect on a step (it was compared with the library's own wrapper); now it has",
                    "see that it says what you want"
                    + (": seconds, for each attempt" if keyword.arg == "timeout" else ""),
                )
    for _, call in file.steps:
        handler = argument(call, "error_handler")
        if argument(call, "retry_config") is None or handler is None:
            continue
        value = file.names.value(handler)
        made = file.names.ours(value.func) if isinstance(value, ast.Call) else None
        if made in {"KeepStepErrorHandler", "EmptyStepErrorHandler", "FallbackStepErrorHandler"}:
            yield Finding(
                call.lineno,
                "retry-and-handler",
                "the error handler took the place of the retries; now it is asked after the last attempt",
                "see that repeating the step does no harm",
            )


def caches(file: File) -> Iterator[Finding]:
    """Caches of steps that hit now."""
    for _, call in file.steps:
        found = argument(call, "cache")
        value = None if found is None else file.names.value(found)
        if isinstance(value, ast.Call) and not any(keyword.arg == "key_func" for keyword in value.keywords):
            yield Finding(
                call.lineno,
                "cache",
                "the cache of a step never hit with its default key; now the key is the step and what it reads",
                "see that equal inputs may give the result of an earlier run",
            )


QUESTIONS: tuple[Callable[[File], Iterator[Finding]], ...] = (
    same_key, sibling, squash, leaving, conditions, unmatched, jumps, after_loops, outputs, retries, caches,
)  # fmt: skip
