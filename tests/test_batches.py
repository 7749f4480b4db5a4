"""Batches of images: content of an epoch."""

import numpy as np

from fmnist_report.training import batches


def make_batches(batch_size=8, shift=0):
    x = np.arange(20, dtype="uint8")[:, None, None] * np.ones((1, 28, 28), "uint8")
    x[:, :, 0] = 255  # a left edge, so that mirroring shows
    return batches.ImageBatches(x, np.eye(20, dtype="float32"), batch_size, shift, cutout=0, seed=0)


def test_epoch_shows_every_image_once():
    epoch = list(make_batches(batch_size=5).epoch(0))
    assert [x.shape for x, _ in epoch] == [(5, 28, 28, 1)] * 4
    assert sorted(np.concatenate([y for _, y in epoch]).argmax(axis=1)) == list(range(20))


def test_two_epochs_show_both_views():
    views = [{}, {}]
    for epoch in (0, 1):
        for x, y in make_batches(batch_size=5).epoch(epoch):
            views[epoch] |= {int(label): image[0, 0, 0] == 255 for label, image in zip(y.argmax(1), x, strict=True)}
    assert all(views[0][label] != views[1][label] for label in range(20))


def test_epoch_repeats_and_epochs_differ():
    made = make_batches(shift=2)
    first, again, other = (np.concatenate([x for x, _ in made.epoch(epoch)]) for epoch in (0, 0, 1))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_shift_moves_by_at_most_the_given_pixels():
    image = np.zeros((1, 28, 28), "uint8")
    image[0, 14, 14] = 1
    found = [np.argwhere(batches.shift_images(image, 2, np.random.default_rng(seed))[0])[0] for seed in range(50)]
    assert np.abs(np.array(found) - 14).max() == 2


def test_cutout_blackens_one_square_and_nothing_else():
    cut = batches.cut_out(np.ones((200, 28, 28), "uint8"), 8, np.random.default_rng(0))
    lost = (cut == 0).sum(axis=(1, 2))
    assert lost.max() == 64 and lost.min() >= 16
    whole = np.ones((2, 28, 28), "uint8")
    assert np.array_equal(batches.cut_out(whole, 0, np.random.default_rng(0)), whole)


def test_targets_are_one_hot():
    assert batches.one_hot(np.array([2, 0]), 3).tolist() == [[0, 0, 1], [1, 0, 0]]


def test_steps_go_on_where_an_epoch_ends():
    made = make_batches(batch_size=8)  # two batches an epoch
    cut = batches.StepBatches(made, 3)
    assert len(cut) == 3 and cut.batch_size == 8
    wanted = [y for epoch in (0, 1, 2) for _, y in made.epoch(epoch)]
    found = [y for epoch in (0, 1) for _, y in cut.epoch(epoch)]
    assert len(found) == 6 and all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))
