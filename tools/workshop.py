"""What the commands beside this file share: environments, wheels, Pythons, and running things.

Only the standard library is used here, because this is what runs before anything is installed. Everything it
makes lies in `.venv-*` and `.workshop` at the root of the repository; deleting these is always safe.

    .venv-demo        the wheel with [demo]             made by tools/demo.py
    .venv-test        the wheel with everything         made by tools/test.py
    .venv-test-3.12   the wheel with what tests need    made by tools/test.py, one for each other Python
    .venv             the sources, editable             made by tools/setup.py
    .workshop         wheels, reports, a lock
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
WORKSHOP = ROOT / ".workshop"
PINS = ROOT / "constraints" / "dev.txt"
SUPPORTED = ("3.11", "3.12", "3.13")


class Trouble(Exception):
    """Something that the person at the terminal can put right; the message says how."""


def say(text: str) -> None:
    """Print a line of our own, apart from what the tools print."""
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    print(f"\033[1m== {text}\033[0m" if colour else f"== {text}", flush=True)


def hear_interrupts() -> None:
    """Let children hear Ctrl-C, also where a shell has started us in the background: there it is ignored, and who is
    started inherits that. The tests of Ctrl-C would wait for ever.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def clean_environ(venv: Path | None = None) -> dict[str, str]:
    """The environment for child processes: nothing in it lets another `plait` or another Python slip in."""
    environ = {
        k: v
        for k, v in os.environ.items()
        if k not in {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__"}
    }
    environ["PYTHONNOUSERSITE"] = "1"
    if venv is not None:
        environ["VIRTUAL_ENV"] = str(venv)
        environ["PATH"] = f"{scripts_of(venv)}{os.pathsep}{environ.get('PATH', '')}"
    return environ


def scripts_of(venv: Path) -> Path:
    """Where an environment keeps its commands."""
    return venv / ("Scripts" if os.name == "nt" else "bin")


def python_of(venv: Path) -> Path:
    """The Python of an environment."""
    return scripts_of(venv) / ("python.exe" if os.name == "nt" else "python")


def run_quietly(command: Sequence[str | Path], *, what: str, environ: Mapping[str, str] | None = None) -> str:
    """Run a command that says nothing as long as it succeeds.

    Raises:
        Trouble: it failed; with everything it had printed.
    """
    done = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env=dict(environ if environ is not None else clean_environ()),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-40:])
        raise Trouble(f"{what} failed (exit code {done.returncode}):\n{tail}")
    return done.stdout


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """Let one command at a time change the environments of this checkout."""
    WORKSHOP.mkdir(exist_ok=True)
    try:
        import fcntl
    except ImportError:  # Windows: no such lock, one command at a time is then up to the person
        yield
        return
    with (WORKSHOP / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another command is at work in this checkout; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# Pythons


class Python(NamedTuple):
    """An interpreter that was seen to run."""

    minor: str
    """Such as `3.12`."""
    full: str
    """Such as `3.12.1`."""
    executable: str


_PROBE = "import sys, ssl, sqlite3, ctypes, venv, ensurepip; print('%d.%d.%d' % sys.version_info[:3], sys.executable)"


def probe(executable: str | Path) -> Python | None:
    """Run an interpreter to see whether it is one: a shim on PATH may lead nowhere."""
    try:
        done = subprocess.run(
            [str(executable), "-I", "-c", _PROBE],
            env=clean_environ(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = done.stdout.split(maxsplit=1)
    if done.returncode or len(words) != 2:
        return None
    return Python(words[0].rpartition(".")[0], words[0], words[1].strip())


def _places(minor: str) -> Iterator[Path | str]:
    """Where a Python of this version might be: on PATH, kept by pyenv, kept by uv, known to the launcher."""
    name = f"python{minor}"
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    yield from (folder / name for folder in folders if (folder / name).is_file())
    kept = [folder.parent / "versions" for folder in folders if folder.name == "shims"]
    if root := os.environ.get("PYENV_ROOT"):
        kept.append(Path(root) / "versions")
    kept.append(Path.home() / ".pyenv" / "versions")
    for versions in dict.fromkeys(kept):
        patches = sorted(
            (int(p.suffix[1:]) for p in versions.glob(f"{minor}.*") if p.suffix[1:].isdigit()), reverse=True
        )
        yield from (versions / f"{minor}.{patch}" / "bin" / name for patch in patches)
    if uv := shutil.which("uv"):
        done = subprocess.run(
            [uv, "python", "find", "--no-python-downloads", "--no-project", minor],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0 and done.stdout.strip():
            yield done.stdout.strip()


def this_python() -> Python:
    """The interpreter that runs this command; if it is one of a virtual environment, that is as good."""
    version = "{}.{}.{}".format(*sys.version_info)
    return Python(version.rpartition(".")[0], version, sys.executable)


def other_pythons() -> tuple[list[Python], list[str]]:
    """The other supported Pythons of this machine that run, and the versions of which there is none."""
    found: list[Python] = []
    missing: list[str] = []
    for minor in SUPPORTED:
        if minor == this_python().minor:
            continue
        python = next((p for place in _places(minor) if (p := probe(place)) and p.minor == minor), None)
        if python:
            found.append(python)
        else:
            missing.append(minor)
    return found, missing


# Environments


def declared(extras: Sequence[str]) -> list[str]:
    """The requirements of the project and of these extras, as pyproject.toml has them."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        pyproject = tomllib.load(file)
    project = pyproject["project"]
    wanted: list[str] = [*pyproject["build-system"]["requires"], *project["dependencies"]]
    queue = list(extras)
    for extra in queue:
        for requirement in project["optional-dependencies"][extra]:
            if requirement.startswith("plait["):
                queue += [e.strip() for e in requirement[len("plait[") : -1].split(",")]
            else:
                wanted.append(requirement)
    return sorted(set(wanted))


def pip_install(venv: Path) -> list[str | Path]:
    """The beginning of every installation into an environment."""
    return [python_of(venv), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]


def environment(name: str, extras: Sequence[str], python: Python | None = None) -> Path:
    """An environment with everything that Plait and these extras need, without Plait itself.

    It is made again when the requirements, the pins or the Python have changed, and used as it is otherwise.
    """
    python = python or this_python()
    venv = ROOT / name
    stamp = venv / "made-from.json"
    wanted = declared(extras)
    pins = hashlib.sha256(PINS.read_bytes()).hexdigest()
    made_from = {"python": python.full, "requirements": wanted, "pins": pins}
    try:
        if json.loads(stamp.read_text()) == made_from and probe(python_of(venv)):
            return venv
    except (OSError, ValueError):
        pass
    started = time.monotonic()
    say(f"making {name} for Python {python.full}; the first time this takes a minute or two")
    _make_venv(venv, python)
    run_quietly(
        [*pip_install(venv), "-c", PINS, *wanted],
        what=f"installing what {name} needs (is the package index within reach?)",
        environ=clean_environ(venv),
    )
    stamp.write_text(json.dumps(made_from, indent=1))
    say(f"{name} is ready after {time.monotonic() - started:.0f} s")
    return venv


def _make_venv(venv: Path, python: Python) -> None:
    if venv.exists():
        shutil.rmtree(venv)
    try:
        run_quietly([python.executable, "-m", "venv", venv], what=f"python -m venv {venv.name}")
    except Trouble as trouble:
        shutil.rmtree(venv, ignore_errors=True)
        uv = shutil.which("uv")
        if uv is None:
            raise Trouble(
                f"{trouble}\n\n{python.executable} cannot make virtual environments. On Debian and Ubuntu that is "
                f"the package python{python.minor}-venv; with uv on PATH it is not needed."
            ) from None
        run_quietly([uv, "venv", "--seed", "--python", python.executable, venv], what="uv venv")


# The wheel


def _sources() -> Iterator[Path]:
    yield ROOT / "pyproject.toml"
    yield from sorted(ROOT.glob("*.md"))
    yield ROOT / "LICENSE"
    for path in sorted((ROOT / "src").rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith("."):
            yield path


def wheel(venv: Path) -> Path:
    """The wheel of the sources as they are now, built with the build backend of this environment."""
    digest = hashlib.sha256()
    for path in _sources():
        digest.update(f"{path.relative_to(ROOT).as_posix()}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    folder = WORKSHOP / "wheels" / digest.hexdigest()[:16]
    built = sorted(folder.glob("plait-*.whl"))
    if not built:
        shutil.rmtree(folder.parent, ignore_errors=True)
        command: list[str | Path] = [python_of(venv), "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
        run_quietly(command, what="building the wheel", environ=clean_environ(venv))
        built = sorted(folder.glob("plait-*.whl"))
    return built[-1]


def install_wheel(venv: Path, built: Path) -> None:
    """Put this wheel into the environment, unless it is what is there already."""
    stamp = venv / "wheel.txt"
    if stamp.exists() and stamp.read_text() == built.parent.name:
        return
    stamp.unlink(missing_ok=True)
    command = [*pip_install(venv), "--no-deps", "--no-index", "--force-reinstall", built]
    run_quietly(command, what="installing the wheel", environ=clean_environ(venv))
    run_quietly([python_of(venv), "-m", "pip", "check"], what="pip check", environ=clean_environ(venv))
    stamp.write_text(built.parent.name)
