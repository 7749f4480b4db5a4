"""Figures: Pareto's front."""

from fmnist_report.report.figures.charts import find_front


def test_front_leaves_out_what_costs_more_and_is_no_better():
    points = [(5, 0.94), (1, 0.91), (9, 0.94), (3, 0.90), (20, 0.95), (1, 0.89)]
    assert find_front(points) == [(1, 0.91), (5, 0.94), (20, 0.95)]
    assert find_front([(2, 0.5)]) == [(2, 0.5)]
