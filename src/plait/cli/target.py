"""Find the pipeline that the operator named: ``path/to/pipeline.py[:name]`` or ``package.module[:name]``."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from plait.cli.problem import Exit, Problem, clean, one_line, shorten
from plait.core.names import did_you_mean

if TYPE_CHECKING:
    from plait.pipeline import Pipeline

_NAMED: Final = re.compile(
    r"(?P<where>.{2,}?)(?::(?P<name>[^:/\\]*))?", re.DOTALL
)  # 2: `C:\x.py` has a drive
_FRAMES: Final = 6
DEFAULT_NAME: Final = "pipeline"


class Target(NamedTuple):
    """What the operator wrote: a file or a module, and perhaps the pipeline's name in it."""

    where: str
    name: str | None
    is_file: bool


def parse_target(text: str) -> Target:
    """Split a TARGET; nothing is looked up or loaded.

    >>> parse_target("jobs/pipeline.py:nightly")
    Target(where='jobs/pipeline.py', name='nightly', is_file=True)
    >>> parse_target("company.jobs")
    Target(where='company.jobs', name=None, is_file=False)
    """
    match = _NAMED.fullmatch(text)
    where, name = (text, None) if match is None else (match["where"], match["name"])
    if name is not None and not name.isidentifier():
        raise Problem(
            f"{text!r}: after the colon comes the name of the pipeline in the module, and {name!r} is not a Python name"
        )
    dotted = all(part.isidentifier() for part in where.split(".")) and not where.endswith(".py")
    package = dotted and Path(where, "__init__.py").is_file()
    return Target(where, name, is_file=not (package or (dotted and not Path(where).exists())))


def load_pipeline(text: str) -> Pipeline[Any]:
    """Load the file or module that TARGET names and return its pipeline.

    Raises:
        Problem: there is no such file, module or pipeline, or it raised while it was loaded.
    """
    try:
        target = parse_target(text)
    except OSError as error:
        raise Problem(f"{one_line(text, 60)!r} cannot be looked up: {error.strerror or error}") from error
    # First, so that nothing in the user's folder can stand in for a module that Plait itself needs.
    from plait.pipeline import Pipeline

    module = _load_file(target.where) if target.is_file else _load_module(target.where)
    found: Pipeline[Any] = _find(module, target, Pipeline)
    return found


def _load_file(where: str) -> ModuleType:
    path = Path(where)
    if path.is_dir():
        inside = path / "pipeline.py"
        hint = f"; did you mean {str(inside)!r}?" if inside.is_file() else ": name a Python file in it"
        raise Problem(f"{where!r} is a folder{hint}")
    if not path.exists():
        raise Problem(f"there is no file {where!r}{_near(path)}")
    if path.suffix != ".py":
        raise Problem(f"{where!r} is not a Python file: name the .py file that defines the pipeline")
    path = path.resolve()
    sys.path.insert(
        0, str(path.parent)
    )  # as `python pipeline.py` does, so that `from modules.x import Y` works
    name = path.stem if path.stem.isidentifier() and path.stem not in sys.modules else "plait_target"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise Problem(f"{where!r} cannot be loaded as a Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses, pickle and get_type_hints look the module up by its name
    try:
        loader = spec.loader
        _guarded(where, lambda: loader.exec_module(module))
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _load_module(where: str) -> ModuleType:
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)  # as `python -m` does
    try:
        found = importlib.util.find_spec(where.partition(".")[0])
    except (ImportError, ValueError):
        found = None
    if found is None:
        hint = (
            f"; did you mean {where + '.py'!r}?"
            if Path(where + ".py").is_file()
            else ": TARGET is path/to/pipeline.py or package.module"
        )
        raise Problem(f"there is no module {where!r}{hint}")
    _guarded(where, lambda: importlib.import_module(where))
    return sys.modules[where]


def _guarded(where: str, load: Callable[[], object]) -> None:
    """Load the user's module; whatever it raises becomes one screen that shows the user's own lines."""
    from plait.errors import InvalidPipeline

    try:
        load()
    except InvalidPipeline as error:
        raise Problem(
            f"{where!r} defines a pipeline that the checks refuse\n{clean(str(error))}", Exit.CHECK
        ) from error
    except SyntaxError as error:
        raise Problem(f"{where!r} is not valid Python\n{_syntax(error)}") from error
    except ModuleNotFoundError as error:
        if not error.name or not (where == error.name or where.startswith(f"{error.name}.")):
            raise Problem(f"{where!r} cannot be imported\n{user_lines(error)}{_missing(error)}") from error
        raise Problem(
            f"there is no module {error.name!r}: TARGET is path/to/pipeline.py or package.module"
        ) from error
    except ImportError as error:
        relative = "relative import" in str(error)
        hint = (
            "\nThe file belongs to a package: name it as a module, such as package.pipeline"
            if relative
            else ""
        )
        raise Problem(f"{where!r} cannot be imported\n{user_lines(error)}{hint}") from error
    except SystemExit as error:
        raise Problem(
            f"{where!r} ended the program while it was loaded (sys.exit({error.code!r})); "
            'put what it runs under `if __name__ == "__main__":`'
        ) from error
    except Exception as error:
        raise Problem(f"{where!r} raised an error while it was loaded\n{user_lines(error)}") from error


def _find(module: ModuleType, target: Target, kind: type[Any]) -> Any:
    named = {name: value for name, value in vars(module).items() if isinstance(value, kind)}
    wanted = target.name or DEFAULT_NAME
    value = getattr(module, wanted, None)
    if isinstance(value, kind):
        return value
    listed = ", ".join(f"{target.where}:{name}" for name in named)
    if target.name is not None:
        if value is not None:
            raise Problem(
                f"{wanted!r} in {target.where!r} is {_what(value)}, not a Pipeline"
                + (f"; the pipelines are {listed}" if named else "")
            )
        raise Problem(
            f"there is no {wanted!r} in {target.where!r}{did_you_mean(wanted, named)}"
            + (f"\nthe pipelines are {listed}" if named else "\nit defines no Pipeline")
        )
    distinct = {id(value): value for value in named.values()}
    if len(distinct) == 1:
        return next(iter(distinct.values()))
    if not named:
        also = f"; its {wanted!r} is {_what(value)}" if value is not None else ""
        raise Problem(f"{target.where!r} defines no Pipeline{also}: assign one to the name {DEFAULT_NAME!r}")
    raise Problem(
        f"{target.where!r} defines several pipelines and none is called {DEFAULT_NAME!r}: choose one of {listed}"
    )


def _what(value: Any) -> str:
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _near(path: Path) -> str:
    """A nearer name in the same folder, for a file name with a slip."""
    try:
        names = [entry.name for entry in path.parent.iterdir() if not entry.name.startswith(".")]
    except OSError:
        return f": there is no folder {str(path.parent)!r}" if str(path.parent) != "." else ""
    return did_you_mean(path.name, names)


def _missing(error: ModuleNotFoundError) -> str:
    return (
        f"\nInstall what provides {error.name!r} into this environment: {sys.executable}"
        if error.name
        else ""
    )


def _syntax(error: SyntaxError) -> str:
    place = f"  {_short(error.filename or '?')}:{error.lineno or '?'}"
    source = (error.text or "").rstrip("\n")
    stripped = source.lstrip()
    caret = ""
    if error.offset and stripped:
        caret = "\n      " + " " * max(0, error.offset - 1 - (len(source) - len(stripped))) + "^"
    code = f"\n      {clean(stripped)}{caret}" if stripped else ""
    return f"{place}{code}\n{type(error).__name__}: {error.msg}"


def user_lines(error: BaseException) -> str:
    """An error as its own traceback, shortened to the lines that the user wrote."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(frame.filename)]
    lines = []
    if len(frames) > _FRAMES:
        lines.append(f"  … {len(frames) - _FRAMES} calls before these")
    for frame in frames[-_FRAMES:]:
        lines.append(f"  {_short(frame.filename)}:{frame.lineno} in {frame.name}")
        if frame.line:
            lines.append(f"      {clean(frame.line)}")
    message = shorten(clean(str(error)), 2000)
    lines.append(f"{type(error).__name__}: {message}" if message else type(error).__name__)
    lines += [shorten(clean(note), 500) for note in getattr(error, "__notes__", ())]
    if isinstance(error, BaseExceptionGroup):
        lines += [f"  - {in_one(inner)}" for inner in error.exceptions[:_FRAMES]]
    cause = error.__cause__
    for _ in range(3):
        if cause is None:
            break
        lines.append(f"caused by {in_one(cause)}")
        cause = cause.__cause__
    return "\n".join(lines)


def in_one(error: BaseException) -> str:
    """An error's type and text in one line."""
    return one_line(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)


_OURS: Final = str(Path(__file__).resolve().parents[1]) + os.sep
_LIBRARIES: Final = tuple(
    str(place) + os.sep
    for place in {
        Path(os.__file__).resolve().parent,
        Path(sys.prefix, "lib").resolve(),
        Path(sys.base_prefix, "lib").resolve(),
    }
)


def _is_users(filename: str) -> bool:
    if filename.startswith("<"):
        return False
    path = str(Path(filename).resolve())
    return not path.startswith((_OURS, *_LIBRARIES))


def _short(filename: str) -> str:
    try:
        relative = os.path.relpath(filename)
    except ValueError:  # another drive
        return clean(filename)
    return clean(filename if relative.startswith("..") else relative)
