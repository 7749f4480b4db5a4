"""A run killed at any point and run again gives the undisturbed result; benchmarks/crash.py is the long form."""

from benchmarks import crash


def test_small_line_killed_at_durable_operations_recovers():
    counts = crash.check_points(step=9)
    assert counts["operations"] >= 8 and counts["kills"] >= 2 * counts["operations"]
    assert counts["recovered"] == counts["kills"]
    assert counts["leftovers"] == 0


def test_a_kill_is_a_kill_and_a_leftover_is_seen(tmp_path):
    assert crash.kill_small_line(tmp_path, 16, "after") == -9
    assert any(".work-" in name for name in crash.list_leftovers(tmp_path))
    assert crash.kill_small_line(tmp_path, 10_000, "after") == 0
    assert crash.list_leftovers(tmp_path) == []
