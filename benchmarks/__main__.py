"""`python -m benchmarks`: measure Plait side by side with plain asyncio and with its peers."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import machine, results, workloads
from benchmarks.peers import NAMES
from benchmarks.peers import load as load_peer
from benchmarks.session import Session
from benchmarks.table import Case, as_text, summary

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the workloads that were asked for; 0 also when a figure is short, as figures are reported, not gated."""
    options = _parse(argv)
    if options.merge:
        return _merge(options)
    keys = _chosen(options.only, list(workloads.MODULES), "workload", str.upper)
    names = _chosen(options.peers, list(NAMES), "peer", str.lower)
    peers = [load_peer(name) for name in names]
    about = machine.describe()
    versions = {peer.name: peer.version() or "not installed" for peer in peers}
    print(
        f"{about['processor']}, {about['cores']} cores, {about['system']}, {about['python']}, {about['date']}"
    )
    for peer in peers:
        print(f"  {peer.name:16}{peer.distribution or ''} {versions[peer.name]}")

    session = Session(peers, quick=options.quick)
    began = time.perf_counter()
    cases: list[Case] = []
    for key in keys:
        workload = workloads.load(key)
        print(f"\n{workload.KEY}: {workload.TITLE}", flush=True)
        for case in workload.cases(session):
            cases.append(case)
            print(as_text(case), flush=True)
    print(f"\nPlait against its targets ({time.perf_counter() - began:.0f} s):\n{summary(cases)}")

    found = results.Results(about, versions, ["python", "-m", "benchmarks", *_arguments(options)], cases)
    if options.json:
        _write(options.json, json.dumps(found.to_json(), indent=1, ensure_ascii=False) + "\n")
    if options.markdown:
        _write(options.markdown, results.page([found]))
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes and few rounds, under 90 s")
    parser.add_argument("--only", metavar="M1,M3", help=f"workloads: {', '.join(workloads.MODULES)}")
    parser.add_argument("--peers", metavar="hand,plait", help=f"contenders: {', '.join(NAMES)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as JSON")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the page of results")
    parser.add_argument(
        "--merge",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="measure nothing: make the page from earlier --json files",
    )
    options = parser.parse_args(argv)
    if options.merge and not options.markdown:
        parser.error("--merge needs --markdown FILE")
    return options


def _chosen(text: str | None, known: list[str], what: str, fold: Any) -> list[str]:
    if text is None:
        return known
    wanted = [fold(part.strip()) for part in text.replace("-", "_").split(",") if part.strip()]
    for name in wanted:
        if name not in known:
            sys.exit(f"unknown {what} '{name}'; there are: {', '.join(known)}")
    if what == "peer" and "hand" not in wanted:
        wanted.insert(0, "hand")  # every ratio needs it
    return [name for name in known if name in wanted]


def _arguments(options: argparse.Namespace) -> list[str]:
    arguments = ["--quick"] if options.quick else []
    for name in ("only", "peers"):
        if getattr(options, name):
            arguments += [f"--{name}", getattr(options, name)]
    return arguments


def _merge(options: argparse.Namespace) -> int:
    runs = [results.Results.from_json(json.loads(path.read_text(encoding="utf-8"))) for path in options.merge]
    _write(options.markdown, results.page(runs))
    return 0


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    print(f"wrote {path.name}")


if __name__ == "__main__":
    sys.exit(main())
