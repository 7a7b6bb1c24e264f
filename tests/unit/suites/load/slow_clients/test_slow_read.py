"""The metric of `slow-read` about the kernel's buffers."""

from wsgi_gauntlet.suites.load.slow_clients import slow_read


def test_the_metric_is_the_median_of_the_buffered_bytes() -> None:
    found = slow_read._kernel_measure([10, 30, 20], 100)
    assert (found.value, found.unit, found.note) == (20, "bytes", "of 100; the server still has to send the rest")
    assert slow_read._kernel_measure([], 100).value is None


def test_the_memory_of_a_reader_counts_only_those_that_have_a_response() -> None:
    found = slow_read.reader_memory(8_000, 4, 64, 1_000)
    assert (found.id, found.value, found.unit) == ("memory_per_stopped_reader", 2_000, "bytes")
    assert found.note == "4 of 64 clients had a response of 1000 bytes in transit"
    assert slow_read.reader_memory(8_000, 0, 64, 1_000).value is None
    assert slow_read.reader_memory(-5, 4, 64, 1_000).value == 0
