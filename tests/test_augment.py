"""Augmentations: each against a slow reference, and what all of them owe to the training loop."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage, sparse, stats
from sklearn.base import BaseEstimator, clone

from skmlp import augment
from skmlp.augment import (
    Augmentation,
    Compose,
    Crop,
    FeatureDropout,
    GaussianNoise,
    HorizontalFlip,
    ImageAugmentation,
    Mixup,
    Rotation,
    Shift,
)

SHAPE = (4, 5, 2)
IMAGE_CLASSES = (Shift, HorizontalFlip, Rotation, Crop)
EVERY = (
    GaussianNoise(),
    FeatureDropout(),
    Mixup(),
    *(cls(SHAPE) for cls in IMAGE_CLASSES),
    Compose([Rotation(SHAPE), GaussianNoise()]),
)
names = {"ids": lambda value: type(value).__name__}


def batch(n_rows, n_features, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_features)).astype(dtype)
    return X, np.eye(3)[rng.integers(3, size=n_rows)]


def changed(augmentation, X, seed=1):
    """The rows of X after the augmentation, whose targets are beside the point."""
    return augmentation(X, np.zeros((len(X), 1)), np.random.default_rng(seed))[0]


class TestEveryAugmentation:
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("augmentation", EVERY, **names)
    def test_keeps_shapes_and_dtypes(self, augmentation, dtype):
        X, y = batch(7, 40, dtype)
        X_new, y_new = augmentation(X, y.astype(np.float32), np.random.default_rng(0))
        assert (X_new.shape, X_new.dtype) == ((7, 40), dtype)
        assert (y_new.shape, y_new.dtype) == ((7, 3), np.float32)

    @pytest.mark.parametrize("augmentation", EVERY, **names)
    def test_changes_the_batch_but_not_its_inputs(self, augmentation):
        X, y = batch(7, 40)
        X_before, y_before = X.copy(), y.copy()
        X_new, _ = augmentation(X, y, np.random.default_rng(0))
        assert not np.array_equal(X_new, X_before)
        np.testing.assert_array_equal(X, X_before)
        np.testing.assert_array_equal(y, y_before)

    @pytest.mark.parametrize("augmentation", EVERY, **names)
    def test_takes_rows_that_may_not_be_written_to(self, augmentation):
        X, y = batch(7, 40)
        expected = augmentation(X, y, np.random.default_rng(0))
        X.flags.writeable = y.flags.writeable = False
        for array, same in zip(augmentation(X, y, np.random.default_rng(0)), expected, strict=True):
            np.testing.assert_array_equal(array, same)

    @pytest.mark.parametrize("augmentation", EVERY, **names)
    def test_the_order_in_memory_does_not_matter(self, augmentation):
        X, _ = batch(7, 40)
        y = np.eye(7)
        expected = augmentation(X, y, np.random.default_rng(0))[0]
        actual = augmentation(np.asfortranarray(X), y, np.random.default_rng(0))[0]
        np.testing.assert_array_equal(actual, expected)

    @pytest.mark.parametrize("augmentation", EVERY, **names)
    def test_a_seed_determines_the_result(self, augmentation):
        X, y = batch(7, 40)
        results = [augmentation(X, y, np.random.default_rng(seed)) for seed in (3, 3, 4)]
        np.testing.assert_array_equal(results[0][0], results[1][0])
        np.testing.assert_array_equal(results[0][1], results[1][1])
        assert not np.array_equal(results[0][0], results[2][0])

    @pytest.mark.parametrize("augmentation", EVERY, **names)
    def test_takes_no_randomness_from_elsewhere(self, augmentation):
        X, y = batch(7, 40)
        np.random.seed(0)  # noqa: NPY002
        augmentation(X, y, np.random.default_rng(0))
        after = np.random.random()  # noqa: NPY002
        np.random.seed(0)  # noqa: NPY002
        assert np.random.random() == after  # noqa: NPY002

    @pytest.mark.parametrize("augmentation", EVERY, **names)
    def test_survives_pickling_and_cloning_inside_an_estimator(self, augmentation):
        class Net(BaseEstimator):
            def __init__(self, augment=None):
                self.augment = augment

        net = clone(Net(augment=augmentation))
        assert net.augment == augmentation
        assert net.augment is not augmentation
        assert pickle.loads(pickle.dumps(augmentation)) == augmentation

    @pytest.mark.parametrize("augmentation", EVERY, **names)
    def test_takes_a_batch_of_no_rows_and_of_one(self, augmentation):
        X, y = batch(1, 40)
        assert augmentation(X, y, np.random.default_rng(0))[0].shape == (1, 40)
        assert augmentation(X[:0], y[:0], np.random.default_rng(0))[0].shape == (0, 40)

    @pytest.mark.parametrize("augmentation", [a for a in EVERY if type(a) is not Mixup], **names)
    def test_hands_on_the_targets(self, augmentation):
        X, y = batch(7, 40)
        np.testing.assert_array_equal(augmentation(X, y, np.random.default_rng(0))[1], y)

    @pytest.mark.parametrize(
        "augmentation", [a for a in EVERY if type(a) is not FeatureDropout], **names
    )
    def test_says_that_x_must_be_dense(self, augmentation):
        X, y = batch(7, 40)
        with pytest.raises(TypeError, match=r"^X must be a dense array .* CSR .*X\.toarray\(\)"):
            augmentation(sparse.csr_array(X), y, np.random.default_rng(0))

    @pytest.mark.parametrize("augmentation", EVERY, **names)
    def test_says_that_x_must_hold_floats(self, augmentation):
        X, y = batch(7, 40)
        with pytest.raises(TypeError, match=r"^X must be of dtype float32 or float64 .* got int64"):
            augmentation(X.astype(np.int64), y, np.random.default_rng(0))


def test_the_bases_say_what_a_subclass_must_define():
    X, y = batch(2, 40)
    with pytest.raises(NotImplementedError, match="Augmentation must define __call__"):
        Augmentation()(X, y, np.random.default_rng(0))
    with pytest.raises(NotImplementedError, match="ImageAugmentation must define transform"):
        ImageAugmentation(SHAPE)(X, y, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("cls", "params", "error"),
    [
        (GaussianNoise, {"scale": -0.1}, ValueError),
        (GaussianNoise, {"scale": "0.1"}, TypeError),
        (FeatureDropout, {"rate": 1.0}, ValueError),
        (FeatureDropout, {"rate": -0.1}, ValueError),
        (Mixup, {"alpha": 0.0}, ValueError),
        (Shift, {"pixels": -1}, ValueError),
        (Shift, {"pixels": 1.5}, TypeError),
        (Shift, {"fill": np.nan}, ValueError),
        (HorizontalFlip, {"probability": 1.1}, ValueError),
        (Rotation, {"degrees": 181}, ValueError),
        (Rotation, {"fill": np.inf}, ValueError),
        (Crop, {"scale": 0.0}, ValueError),
        (Crop, {"scale": 1.1}, ValueError),
        (Compose, {"steps": []}, TypeError),
        (Compose, {"steps": Mixup()}, TypeError),
        (Compose, {"steps": [Mixup(), 3]}, TypeError),
        *((cls, {"image_shape": (0, 4)}, ValueError) for cls in IMAGE_CLASSES),
        *((Shift, {"image_shape": shape}, ValueError) for shape in (64, (64,), (8.0, 8), "88")),
    ],
)
def test_a_bad_parameter_is_named(cls, params, error):
    (name,) = params
    required = {"image_shape": SHAPE} if issubclass(cls, ImageAugmentation) else {}
    with pytest.raises(error, match=f"^{name} must be "):
        cls(**(required | params))


@pytest.mark.parametrize("cls", IMAGE_CLASSES)
def test_an_image_shape_that_does_not_fit_x_is_named(cls):
    message = (
        r"^image_shape must multiply to the number of columns of X, got 4 \* 5 \* 2 = 40 and 9"
    )
    with pytest.raises(ValueError, match=message):
        changed(cls(SHAPE), np.zeros((3, 9)))


class TestGaussianNoise:
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_the_noise_is_gaussian_of_that_scale(self, dtype):
        X, _ = batch(200, 50, dtype)
        noise = changed(GaussianNoise(scale=0.5), X) - X
        assert stats.kstest(noise.ravel() / 0.5, "norm").pvalue > 1e-3

    def test_the_noise_of_two_features_is_independent(self):
        noise = changed(GaussianNoise(), np.zeros((20000, 2)))
        assert abs(np.corrcoef(noise.T)[0, 1]) < 4 / np.sqrt(20000)

    def test_no_scale_is_the_identity(self):
        X, _ = batch(7, 40)
        np.testing.assert_array_equal(changed(GaussianNoise(scale=0), X), X)

    def test_a_numpy_scale_does_not_lift_float32(self):
        X, _ = batch(7, 40, np.float32)
        assert changed(GaussianNoise(scale=np.float64(0.1)), X).dtype == np.float32


class TestFeatureDropout:
    def test_an_entry_is_zero_or_as_it_was(self):
        X, _ = batch(100, 100)
        X_new = changed(FeatureDropout(rate=0.3), X)
        np.testing.assert_array_equal(X_new[X_new != 0], X[X_new != 0])
        # The number of zeros is binomial: five standard deviations.
        assert abs(np.mean(X_new == 0) - 0.3) < 5 * np.sqrt(0.3 * 0.7 / X.size)

    def test_a_dropped_negative_entry_is_plus_zero(self):
        X_new = changed(FeatureDropout(rate=0.5), -np.ones((10, 10)))
        assert (X_new == 0).any()
        assert not np.signbit(X_new[X_new == 0]).any()

    def test_no_rate_is_the_identity(self):
        X, _ = batch(7, 40)
        np.testing.assert_array_equal(changed(FeatureDropout(rate=0), X), X)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("container", [sparse.csr_array, sparse.csr_matrix])
    def test_sparse_rows_stay_sparse(self, container, dtype):
        before, _ = batch(100, 80, dtype)
        before[before < 1] = 0
        X = container(before)
        X_new, _ = FeatureDropout(rate=0.3)(X, np.zeros((100, 1)), np.random.default_rng(1))
        assert type(X_new) is container
        assert X_new.dtype == dtype
        after = X_new.toarray()
        np.testing.assert_array_equal(after[after != 0], before[after != 0])
        assert abs(np.mean(X_new.data == 0) - 0.3) < 5 * np.sqrt(0.3 * 0.7 / X.nnz)
        X_new.eliminate_zeros()
        np.testing.assert_array_equal(X.toarray(), before)

    def test_another_sparse_format_is_refused(self):
        with pytest.raises(TypeError, match=r"sparse CSR matrix .* got a sparse CSC .* X\.tocsr"):
            FeatureDropout()(sparse.eye_array(3).tocsc(), np.eye(3), np.random.default_rng(0))


class TestMixup:
    @pytest.mark.parametrize("alpha", [0.2, 1.0, 5.0])
    def test_x_and_y_are_mixed_alike_of_two_rows_each(self, alpha):
        # The rows of X and y are unit vectors: what comes out is the shares of the rows.
        X_new, y_new = Mixup(alpha)(np.eye(50), np.eye(50), np.random.default_rng(0))
        np.testing.assert_array_equal(X_new, y_new)
        np.testing.assert_allclose(X_new.sum(axis=1), 1)
        assert (np.count_nonzero(X_new, axis=1) <= 2).all()
        # A row is the partner of one row only.
        partners = X_new * (1 - np.eye(50))
        assert (np.count_nonzero(partners, axis=0) <= 1).all()

    @pytest.mark.parametrize("alpha", [0.2, 1.0, 5.0])
    def test_the_share_is_beta_distributed_and_differs_from_row_to_row(self, alpha):
        n_rows = 2000
        _, y = Mixup(alpha)(np.zeros((n_rows, 1)), np.eye(n_rows), np.random.default_rng(0))
        share = np.diag(y)[np.diag(y) < 1]
        assert stats.kstest(share, stats.beta(alpha, alpha).cdf).pvalue > 1e-3

    def test_two_rows_in_closed_form(self):
        X, y = np.array([[0.0, 10.0], [8.0, 2.0]]), np.array([[1.0], [5.0]])
        for seed in range(20):
            X_new, y_new = Mixup(alpha=1.0)(X, y, np.random.default_rng(seed))
            share = (y_new - 1) / 4
            np.testing.assert_allclose(X_new, X[0] + share * (X[1] - X[0]), rtol=1e-12, atol=1e-12)

    @given(
        n_rows=st.integers(1, 20),
        n_classes=st.integers(2, 6),
        alpha=st.floats(1e-3, 1e3),
        seed=st.integers(0, 2**32),
        dtype=st.sampled_from([np.float32, np.float64]),
    )
    def test_y_stays_a_distribution_and_x_stays_between_the_rows(
        self, n_rows, n_classes, alpha, seed, dtype
    ):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(n_rows, 3)).astype(dtype)
        y = np.eye(n_classes, dtype=dtype)[rng.integers(n_classes, size=n_rows)]
        X_new, y_new = Mixup(alpha)(X, y, rng)
        room = 4 * np.finfo(dtype).eps
        np.testing.assert_allclose(y_new.sum(axis=1), 1, rtol=room)
        assert (y_new >= -room).all()
        assert (X_new <= X.max(axis=0) + room * abs(X).max()).all()
        assert (X_new >= X.min(axis=0) - room * abs(X).max()).all()

    @pytest.mark.parametrize("y", [np.array([0, 1, 2]), np.zeros(3), np.zeros((3, 1), dtype=int)])
    def test_labels_cannot_be_mixed(self, y):
        with pytest.raises(ValueError, match=r"^y must be an array of floats of shape"):
            Mixup()(np.eye(3), y, np.random.default_rng(0))


def shifted(image, down, right, fill):
    """Move an image pixel by pixel."""
    moved = np.full_like(image, fill)
    height, width = image.shape[:2]
    for i in range(height):
        for j in range(width):
            if 0 <= i - down < height and 0 <= j - right < width:
                moved[i, j] = image[i - down, j - right]
    return moved


class TestShift:
    @pytest.mark.parametrize("shape", [(4, 5), (5, 3, 2), (1, 6)])
    @pytest.mark.parametrize("pixels", [1, 2, 7])
    def test_each_image_is_moved_by_some_distance_and_all_distances_occur(self, shape, pixels):
        image = np.random.default_rng(0).normal(size=shape)
        n_distances = (2 * pixels + 1) ** 2
        n_rows = 20 * n_distances
        X = np.tile(image.ravel(), (n_rows, 1))
        X_new = changed(Shift(shape, pixels, fill=9.0), X)
        found = np.zeros(n_rows, dtype=bool)
        reach = range(-pixels, pixels + 1)
        for down, right in ((down, right) for down in reach for right in reach):
            same = (X_new == shifted(image, down, right, 9.0).ravel()).all(axis=1)
            assert same.any(), (down, right)
            found |= same
        assert found.all()

    def test_distances_are_uniform(self):
        image = np.arange(1.0, 26.0).reshape(5, 5)
        X_new = changed(Shift((5, 5), pixels=1), np.tile(image.ravel(), (9000, 1)))
        # The middle pixel tells where the image went.
        _, counts = np.unique(X_new[:, 12], return_counts=True)
        assert len(counts) == 9
        assert stats.chisquare(counts).pvalue > 1e-3


class TestHorizontalFlip:
    @pytest.mark.parametrize("shape", [(4, 5), (4, 5, 3)])
    def test_certain_probabilities(self, shape):
        X, _ = batch(6, np.prod(shape))
        mirrored = np.array([image[:, ::-1].ravel() for image in X.reshape(6, *shape)])
        np.testing.assert_array_equal(changed(HorizontalFlip(shape, 1.0), X), mirrored)
        np.testing.assert_array_equal(changed(HorizontalFlip(shape, 0.0), X), X)

    def test_each_image_is_mirrored_by_itself(self):
        X = np.tile([1.0, 2.0], (10000, 1))
        X_new = changed(HorizontalFlip((1, 2), 0.3), X)
        np.testing.assert_array_equal(X_new.sum(axis=1), 3)
        assert abs(np.mean(X_new[:, 0] == 2) - 0.3) < 5 * np.sqrt(0.3 * 0.7 / 10000)


def with_map(augmentation_class, height, width, n_rows, **params):
    """Yield an image, what became of it, and the map between their places, measured.

    Channels that hold a one and the two coordinates of each pixel undergo the same map. Bilinear
    interpolation is exact for them wherever the one is still one: inside the old frame.
    """
    row, column = np.mgrid[:height, :width].astype(float)
    noise = np.random.default_rng(0).normal(size=(height, width))
    image = np.stack([np.ones_like(row), row, column, noise], axis=-1)
    augmentation = augmentation_class((height, width, 4), **params)
    X_new = changed(augmentation, np.tile(image.ravel(), (n_rows, 1)))
    places = np.stack([row, column, np.ones_like(row)], axis=-1)
    for new in X_new.reshape(n_rows, height, width, 4):
        inside = abs(new[..., 0] - 1) < 1e-13
        affine, *_ = np.linalg.lstsq(places[inside], new[inside][:, 1:3])
        yield noise, new[..., 3], inside, affine[:2].T, affine[2]


class TestRotation:
    @pytest.mark.parametrize(
        ("height", "width", "degrees"), [(9, 9, 180), (8, 11, 45), (28, 28, 10)]
    )
    def test_agrees_with_scipy(self, height, width, degrees):
        centre = (np.array([height, width]) - 1) / 2
        params = {"degrees": degrees, "fill": -2.0}
        for noise, new, _, matrix, offset in with_map(Rotation, height, width, 30, **params):
            angle = np.rad2deg(np.arctan2(matrix[0, 1], matrix[0, 0]))
            assert abs(angle) <= degrees
            np.testing.assert_allclose(matrix @ centre + offset, centre)
            expected = ndimage.rotate(
                noise, angle, reshape=False, order=1, mode="grid-constant", cval=-2.0
            )
            np.testing.assert_allclose(new, expected, atol=1e-10)

    def test_angles_are_uniform(self):
        maps = with_map(Rotation, 5, 5, 1000, degrees=30)
        angles = [np.arctan2(matrix[0, 1], matrix[0, 0]) for *_, matrix, _ in maps]
        uniform = stats.uniform(-np.pi / 6, np.pi / 3)
        assert stats.kstest(angles, uniform.cdf).pvalue > 1e-3


class TestCrop:
    @pytest.mark.parametrize(
        ("height", "width", "scale"), [(9, 9, 0.05), (8, 11, 0.5), (28, 28, 0.8)]
    )
    def test_agrees_with_scipy(self, height, width, scale):
        last = np.array([height, width]) - 1
        for noise, new, inside, matrix, offset in with_map(Crop, height, width, 30, scale=scale):
            assert inside.all()
            side = matrix[0, 0]
            np.testing.assert_allclose(matrix, side * np.eye(2), atol=1e-10)
            assert scale <= side**2 <= 1
            assert (offset > -1e-10).all()
            assert (side * last + offset < last + 1e-10).all()
            expected = ndimage.affine_transform(noise, matrix, offset, order=1, mode="nearest")
            np.testing.assert_allclose(new, expected, atol=1e-10)

    def test_areas_are_uniform_and_so_are_places_in_the_room_that_is_left(self):
        maps = [
            (matrix[0, 0], offset) for *_, matrix, offset in with_map(Crop, 5, 7, 1000, scale=0.3)
        ]
        area = np.array([side**2 for side, _ in maps])
        assert stats.kstest(area, stats.uniform(0.3, 0.7).cdf).pvalue > 1e-3
        top, left = np.array([offset / ((1 - side) * np.array([4, 6])) for side, offset in maps]).T
        assert stats.kstest(top, "uniform").pvalue > 1e-3
        assert stats.kstest(left, "uniform").pvalue > 1e-3
        assert abs(np.corrcoef(top, left)[0, 1]) < 4 / np.sqrt(1000)


SHAPES = st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 3))
IDENTITIES = (
    (Shift, {"pixels": 0}),
    (HorizontalFlip, {"probability": 0}),
    (Rotation, {"degrees": 0}),
    (Crop, {"scale": 1}),
)


@pytest.mark.parametrize(("cls", "params"), IDENTITIES)
@given(shape=SHAPES, dtype=st.sampled_from([np.float32, np.float64]), seed=st.integers(0, 1000))
def test_no_change_of_an_image_is_exactly_none(cls, params, shape, dtype, seed):
    X, _ = batch(3, np.prod(shape), dtype, seed)
    np.testing.assert_array_equal(changed(cls(shape, **params), X), X)


@pytest.mark.parametrize("cls", IMAGE_CLASSES)
@given(shape=SHAPES, seed=st.integers(0, 1000))
def test_channels_move_together(cls, shape, seed):
    X, _ = batch(3, np.prod(shape), seed=seed)
    together = changed(cls(shape), X, seed).reshape(3, *shape)
    for channel in range(shape[2]):
        alone = X.reshape(3, *shape)[..., channel].reshape(3, -1)
        expected = changed(cls(shape[:2]), alone, seed).reshape(3, *shape[:2])
        np.testing.assert_array_equal(together[..., channel], expected)


@pytest.mark.parametrize("cls", IMAGE_CLASSES)
@given(shape=SHAPES, seed=st.integers(0, 1000), gain=st.floats(-3, 3), level=st.floats(-3, 3))
def test_brightness_and_contrast_change_before_or_after(cls, shape, seed, gain, level):
    X, _ = batch(3, np.prod(shape), seed=seed)
    filled = {"fill": level} if cls in (Shift, Rotation) else {}
    actual = changed(cls(shape, **filled), gain * X + level, seed)
    expected = gain * changed(cls(shape), X, seed) + level
    np.testing.assert_allclose(actual, expected, atol=1e-12)


@pytest.mark.parametrize("cls", [Rotation, Crop])
@given(shape=SHAPES, seed=st.integers(0, 1000))
def test_float32_comes_close_to_float64(cls, shape, seed):
    X, _ = batch(3, np.prod(shape), np.float32, seed)
    np.testing.assert_allclose(
        changed(cls(shape), X), changed(cls(shape), X.astype(np.float64)), atol=2e-5
    )


@pytest.mark.parametrize("cls", [Rotation, Crop])
@pytest.mark.parametrize("size", [1, 3 * 40])
def test_the_size_of_a_block_does_not_matter(cls, size, monkeypatch):
    X, _ = batch(7, 40)
    expected = changed(cls(SHAPE), X)
    monkeypatch.setattr(augment, "BLOCK_SIZE", size)
    np.testing.assert_array_equal(changed(cls(SHAPE), X), expected)


def double(X, y, rng):
    return 2 * X, y


def increase(X, y, rng):
    return X + 1, y - rng.random()


class TestCompose:
    def test_applies_its_steps_in_order_with_one_generator(self):
        X, y = batch(3, 4)
        rng = np.random.default_rng(0)
        X_new, y_new = Compose([double, increase, increase])(X, y, np.random.default_rng(0))
        np.testing.assert_allclose(X_new, 2 * X + 2)
        np.testing.assert_allclose(y_new, y - rng.random() - rng.random())
        np.testing.assert_allclose(changed(Compose([increase, double]), X), 2 * X + 2)
        np.testing.assert_allclose(changed(Compose([double, increase]), X), 2 * X + 1)

    def test_a_composition_is_a_step(self):
        X, _ = batch(3, 4)
        nested = Compose([double, Compose([increase, double])])
        np.testing.assert_allclose(changed(nested, X), 4 * X + 2)

    def test_shows_the_parameters_of_its_steps_by_place(self):
        steps = [Mixup(alpha=0.5), double, Compose([Shift((2, 2), fill=7.0)])]
        params = Compose(steps).get_params()
        assert params["steps"] is steps
        assert params["0__alpha"] == 0.5
        assert params["2__0__fill"] == 7.0
        assert not any(name.startswith("1") for name in params)
        assert Compose(steps).get_params(deep=False) == {"steps": steps}

    def test_parameters_of_its_steps_can_be_set_from_an_estimator(self):
        class Net(BaseEstimator):
            def __init__(self, augment=None):
                self.augment = augment

        net = Net(Compose([GaussianNoise(), Compose([Mixup()])]))
        net.set_params(augment__0__scale=0.7, augment__1__0__alpha=3.0)
        assert net.augment == Compose([GaussianNoise(0.7), Compose([Mixup(3.0)])])

    @pytest.mark.parametrize("order", [1, -1])
    def test_puts_steps_in_place_before_it_sets_their_parameters(self, order):
        composition = Compose([Mixup()])
        params = [("steps", [GaussianNoise(), Mixup()]), ("1__alpha", 2.0)][::order]
        composition.set_params(**dict(params))
        assert composition == Compose([GaussianNoise(), Mixup(2.0)])

    @pytest.mark.parametrize("name", ["1__alpha", "step", "0", "2__alpha"])
    def test_an_unknown_parameter_is_an_error(self, name):
        with pytest.raises(ValueError, match=r"^parameter of Compose must be one of \['steps'\]"):
            Compose([Mixup(), double]).set_params(**{name: 1})

    def test_validates_its_steps(self):
        composition = Compose([Mixup()]).set_params(**{"0__alpha": -1})
        with pytest.raises(ValueError, match=r"^alpha must be"):
            composition.validate()
