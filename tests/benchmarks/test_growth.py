"""The slope of a power law is its power."""

import pytest

growth = pytest.importorskip("benchmarks.parts.growth")


@pytest.mark.parametrize("power", [-1.0, 0.0, 1.0, 2.0])
def test_the_slope_is_the_power_at_the_end_of_a_curve(power):
    # Before the end, calls cost more than arithmetic.
    values = [1, 2, 4, 32, 64, 128]
    times = [50, 60, 70, *(3 * value**power for value in values[-3:])]
    points = [{"value": x, "skmlp ms": y} for x, y in zip(values, times, strict=True)]
    assert growth.slope(points) == pytest.approx(power, abs=1e-9)
