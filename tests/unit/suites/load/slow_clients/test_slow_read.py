"""The metric of `slow-read` about the kernel's buffers."""

from wsgi_gauntlet.suites.load.slow_clients import slow_read


def test_the_metric_is_the_median_of_the_buffered_bytes() -> None:
    found = slow_read._kernel_measure([10, 30, 20], 100)
    assert (found.value, found.unit, found.note) == (20, "bytes", "of 100; the server still has to send the rest")
    assert slow_read._kernel_measure([], 100).value is None
