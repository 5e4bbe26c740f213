"""The benchmarks: one suite, one runner, one report. See ``python -m benchmarks --help``."""
