"""``make bench`` runs every benchmark, ``make bench ARGS=classify`` one."""

from __future__ import annotations

import sys
from importlib import import_module
from pkgutil import iter_modules

import benchmarks


def main(chosen: list[str]) -> None:
    """Run the benchmarks named, or all; an unknown name ends with the list of the known ones."""
    known = sorted(
        module.name for module in iter_modules(benchmarks.__path__) if not module.name.startswith("_")
    )
    if unknown := [name for name in chosen if name not in known]:
        sys.exit(f"No benchmark is called {', '.join(unknown)}. Known: {', '.join(known)}.")
    for name in chosen or known:
        import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main(sys.argv[1:])
