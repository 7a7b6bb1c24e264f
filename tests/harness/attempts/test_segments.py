"""What is said of the places at which a request was cut."""

from wsgi_gauntlet.harness.attempts.segments import Cut, told


def test_nothing_is_said_where_every_place_was_good() -> None:
    assert told([Cut(1, b"G", ""), Cut(2, b"GE", "")]) == ""


def test_the_first_place_is_shown_and_all_are_listed() -> None:
    cuts = [Cut(1, b"G", ""), Cut(9, b"GET /echo", "400 Bad Request, 0 bytes"), Cut(10, b"GET /echo ", "no answer")]
    assert told(cuts) == (
        "cut behind byte 9 (b'GET /echo'): 400 Bad Request, 0 bytes; it failed at 2 of 3 places: 9, 10"
    )


def test_a_long_list_is_cut_short() -> None:
    assert told([Cut(at, b"x", "no answer") for at in range(1, 100)]).endswith("18, 19, 20, …")
