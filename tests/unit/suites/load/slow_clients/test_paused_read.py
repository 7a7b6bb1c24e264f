"""What paused downloads say about a server."""

from wsgi_gauntlet.harness.load.clients.paused_reader import DownloadEnd, PausedDownload
from wsgi_gauntlet.suites.load.slow_clients.paused_read import paused_findings

SIZE = 8_000_000


def downloads(*ends: DownloadEnd) -> list[PausedDownload]:
    return [
        PausedDownload(end, SIZE if end is DownloadEnd.WHOLE else SIZE // 2, SIZE, end is not DownloadEnd.WHOLE)
        for end in ends
    ]


def test_whole_files_are_no_flaw() -> None:
    found = paused_findings(downloads(DownloadEnd.WHOLE, DownloadEnd.WHOLE), 6)
    assert found.flaws == ()
    assert found.details == "All files arrived whole."
    assert [(each.label, each.value, each.note) for each in found.measures] == [("whole downloads", 2, "of 2")]


def test_a_file_cut_by_fin_is_a_flaw_and_one_cut_by_a_reset_is_not() -> None:
    found = paused_findings(downloads(DownloadEnd.CUT_BY_FIN, DownloadEnd.CUT_BY_RESET, DownloadEnd.WHOLE), 6)
    (flaw,) = found.flaws
    assert flaw == (
        "1 of 3 files were cut short by FIN after a pause of 6 s, the shortest after 4.0 MB of 8.0 MB; the server gave "
        "up during the pause of 1 of them."
    )
    assert found.details.startswith("1 of 3 files were cut short by RST")
    assert {each.label: each.value for each in found.measures} == {
        "whole downloads": 1,
        "downloads cut short by FIN": 1,
        "downloads cut short by RST": 1,
    }


def test_wrong_bytes_are_a_flaw_and_a_refusal_is_not() -> None:
    found = paused_findings(downloads(DownloadEnd.WRONG, DownloadEnd.REFUSED, DownloadEnd.STALLED), 6)
    assert len(found.flaws) == 1
    assert "wrong bytes" in found.flaws[0]
    assert found.details == (
        "1 of 3 clients got no whole file: another response. 1 of 3 clients got no whole file: never finished."
    )


def test_without_downloads_nothing_is_said() -> None:
    found = paused_findings([], 6)
    assert (found.flaws, found.details) == ((), "")
