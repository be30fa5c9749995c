"""What a monitor adds to a request, in microseconds of CPU, beside its peers in one run that takes turns.

Each variant is a process of its own, since most patch something global; all serve the same application over WSGI,
without a socket. In each round every variant answers a batch; what it adds is its batch less that of the bare
application *in the same round*, and the median over all rounds is shown with the quartiles. Only ratios of one run
mean anything: the machine may be busy.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

from ._request_variants import CASES, VARIANTS

ROUNDS = 40
REQUESTS = 100
WARM_UP = 300
FK_ALLOWANCE = 30.0  # microseconds that an error may cost beyond what the exporter adds


class _Variant:
    def __init__(self, name: str) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks._request_variants", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def batch(self, case: str, requests: int) -> float:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{case} {requests}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(
                f"The variant {self.name} ended: run `python -m benchmarks._request_variants {self.name}`."
            )
        return float(answer)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def _measured() -> dict[str, dict[str, list[float]]]:
    """Return what each variant added in each round, by case."""
    variants = [_Variant(name) for name in VARIANTS]
    added: dict[str, dict[str, list[float]]] = {name: {case: [] for case in CASES} for name in VARIANTS}
    try:
        for variant in variants:
            for case in CASES:
                variant.batch(case, WARM_UP)
        for turn in range(ROUNDS):
            order = variants[turn % len(variants) :] + variants[: turn % len(variants)]
            for case in CASES:
                took = {variant.name: variant.batch(case, REQUESTS) for variant in order}
                base = (took["bare"] + took["bare-multi"]) / 2
                for name, one in took.items():
                    added[name][case].append(one - base)
    finally:
        for variant in variants:
            variant.close()
    return added


def main() -> None:
    """Print the table; exits with an error where a promise is broken."""
    added = _measured()
    median = {name: {case: statistics.median(found[case]) for case in CASES} for name, found in added.items()}
    print(
        f"microseconds of CPU added to a request, median (quartiles) of {ROUNDS} rounds of {REQUESTS} requests"
    )
    print(f"{'':56}{'SELECT, 200':>24}{'IntegrityError, 409':>24}")
    for name, (title, _, _) in VARIANTS.items():
        shown = []
        for case in CASES:
            low, _, high = statistics.quantiles(added[name][case], n=4)
            shown.append(f"{median[name][case]:+.0f} ({low:+.0f}..{high:+.0f})")
        print(f"{title:56}{shown[0]:>24}{shown[1]:>24}")
    _judge(median)


def _judge(median: dict[str, dict[str, float]]) -> None:
    broken = [
        f"{mode or 'single process'} {case}: {ours:.0f} > {most:.0f}"
        for mode in ("", "-multi")
        for case, more in (("ok", 0.0), ("fk", FK_ALLOWANCE))
        if (ours := median[f"ours{mode}"][case]) > (most := median[f"exporter{mode}"][case] + more)
    ]
    if broken:
        sys.exit("broken promises: " + "; ".join(broken))
    print(
        "promises kept: a successful request costs at most what the exporter adds, an error at most 30 us more"
    )


if __name__ == "__main__":
    main()
