"""What a run of the benchmarks is asked for."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.datasets import BIG
from benchmarks.peers import PEERS, is_installed


@dataclass(frozen=True)
class Options:
    """The arguments of the command line; see ``python -m benchmarks --help``."""

    data: Path | None = None
    out: Path = Path("build/benchmarks")
    sets: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    rounds: int | None = None
    threads: int = 1
    quick: bool = False
    big: bool = False

    def n_rounds(self, customary):
        """Return how often everything is timed."""
        return self.rounds or (1 if self.quick else customary)

    def chosen_sets(self, bundled, others=()):
        """Return the sets of a part that are asked for: by name, or all that there are data for."""
        if self.sets:
            return [name for name in (*bundled, *others) if name in self.sets]
        if self.quick:
            return list(bundled)
        there = others if self.data else ()
        return [*bundled, *(name for name in there if self.big or name not in BIG)]

    def has(self, package):
        """Return whether a peer takes part."""
        return package not in self.without and is_installed(package)

    @property
    def peers(self):
        """The peers that take part."""
        return [package for package in PEERS if self.has(package)]
