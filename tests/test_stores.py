"""Batches of boundary activations contain the right images, with the right frequency."""

import numpy as np
import pytest

from fmnist_report.training import stores

pytestmark = pytest.mark.backend


@pytest.mark.parametrize("batch_size", [7, 8, 64])
def test_boundary_batches_show_images_once_with_their_labels(feature_folder, data_folder, monkeypatch, batch_size):
    monkeypatch.setattr(stores, "CHUNK_ROWS", 6)
    monkeypatch.setattr(stores.BoundaryBatches, "GROUP", 3)
    with stores.FeatureStore(feature_folder) as store:
        expected = {view: store.read("block3_out", view, 0, 40).astype("float32") for view in stores.VIEWS}
        every = np.ones(40, int)
        batches = stores.BoundaryBatches(store, np.eye(40, dtype="float32"), batch_size, 0, every)
        seen = []
        for epoch in (0, 1):
            shown = list(batches.epoch(epoch))
            assert len(shown) == len(batches) == 40 // min(batch_size, 40)
            for x, y, weights in shown:
                assert (weights == 1).all()
                for image, row in zip(x["block3_out"], y.argmax(axis=1), strict=True):
                    view = next(v for v in stores.VIEWS if np.array_equal(image, expected[v][row]))
                    seen.append((epoch, row, view))
    assert len({(epoch, row) for epoch, row, _ in seen}) == len(seen)
    views = {row: {view for _, r, view in seen if r == row} for _, row, _ in seen}
    assert sum(len(v) == 2 for v in views.values()) >= 24


def test_easy_images_are_shown_in_every_other_epoch_with_twice_the_weight(feature_folder, monkeypatch):
    monkeypatch.setattr(stores, "CHUNK_ROWS", 6)
    every = np.array([1, 2] * 20)
    with stores.FeatureStore(feature_folder) as store:
        expected = {view: store.read("block3_out", view, 0, 40).astype("float32") for view in stores.VIEWS}
        batches = stores.BoundaryBatches(store, np.eye(40, dtype="float32"), 1, 0, every)
        seen = {row: [] for row in range(40)}
        for epoch in range(4):
            for x, y, weights in batches.epoch(epoch):
                row = int(y.argmax())
                view = next(v for v in stores.VIEWS if np.array_equal(x["block3_out"][0], expected[v][row]))
                seen[row].append((epoch, view))
                assert weights == 1  # of a batch of one image
        weighed = list(stores.BoundaryBatches(store, np.eye(40, dtype="float32"), 20, 0, every).epoch(0))
    hard, easy = list(seen.values())[::2], list(seen.values())[1::2]
    assert sum(len(visits) for visits in hard) >= 4 * 20 - 8  # at most the last, smaller batch is left out
    assert all(len({epoch % 2 for epoch, _ in visits}) == 1 for visits in easy if visits)
    assert sum({view for _, view in visits} == set(stores.VIEWS) for visits in easy) >= 14
    ratio = {int(y.argmax()): weight for _, ys, weights in weighed for y, weight in zip(ys, weights, strict=True)}
    assert max(ratio.values()) / min(ratio.values()) == pytest.approx(2)
    assert all(weight > 1 for row, weight in ratio.items() if every[row] == 2)
