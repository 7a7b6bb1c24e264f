"""What a client did, as commands with nc: from evidence to text."""

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.segmentation import Segmentation
from wsgi_gauntlet.harness.model import ConnectionEvent, ConnectionEventKind
from wsgi_gauntlet.harness.replay.netcat_script import SendMode, case_events, netcat_script

K = ConnectionEventKind
THERE = Address(port=45678)
HERE = Address(port=8000)
GET = b"GET /echo HTTP/1.1\r\nHost: 127.0.0.1:45678\r\n\r\n"
GET_HERE = "printf 'GET /echo HTTP/1.1\\r\\n'\\\n'Host: 127.0.0.1:8000\\r\\n'\\\n'\\r\\n'"
OK = b"HTTP/1.1 200 OK\r\n\r\n"


def wire(
    *steps: tuple[float, int, ConnectionEventKind] | tuple[float, int, ConnectionEventKind, bytes],
) -> list[ConnectionEvent]:
    return [ConnectionEvent(each[0], each[1], each[2], *each[3:]) for each in steps]


def script(
    *steps: tuple[float, int, ConnectionEventKind] | tuple[float, int, ConnectionEventKind, bytes],
    mode: SendMode | None = None,
) -> str:
    return netcat_script(wire(*steps), THERE, HERE, mode or SendMode())


def test_one_request() -> None:
    text = script((0, 1, K.OPENED), (0, 1, K.SENT, GET), (0.1, 1, K.RECEIVED, OK), (0.2, 1, K.EOF))
    assert text == (
        f"# Connection 1: got 'HTTP/1.1 200 OK', 19 bytes, then the end (FIN)\n{GET_HERE} | nc -w 3 127.0.0.1 8000"
    )


def test_the_next_request_waits_for_the_answer() -> None:
    text = script(
        (0, 1, K.OPENED), (0, 1, K.SENT, b"a"), (0.1, 1, K.RECEIVED, OK), (0.2, 1, K.SENT, b"b"), (9, 1, K.CLOSED)
    )
    assert text.endswith("{\nprintf 'a'\nsleep 0.5\nprintf 'b'\n} | nc -w 3 127.0.0.1 8000")


def test_pieces_are_sent_apart_and_a_long_pause_is_kept() -> None:
    text = script((0, 1, K.OPENED), (0, 1, K.SENT, b"aa"), (0.01, 1, K.SENT, b"bb"), (4.01, 1, K.SENT, b"cc"))
    assert "printf 'aa'\nsleep 0.05\nprintf 'bb'\nsleep 4\nprintf 'cc'\n} | nc -w 5 " in text


def test_single_bytes_are_sent_by_a_loop() -> None:
    steps = [(0.001 * at, 1, K.SENT, b"x") for at in range(30)]
    text = script((0, 1, K.OPENED), *steps, (1, 1, K.HALF_CLOSED))
    assert text.startswith("slowly() {")
    assert f"printf '{'x' * 30}' | slowly" in text
    assert "nc -N -w 4" in text


def test_a_half_close_is_one() -> None:
    text = script((0, 1, K.OPENED), (0, 1, K.SENT, b"a"), (0, 1, K.HALF_CLOSED), (0.1, 1, K.EOF))
    assert "printf 'a'\nsleep 0.05\n} | nc -N -w 3 " in text
    assert ": | nc -N" in script((0, 1, K.OPENED), (0, 1, K.HALF_CLOSED))


def test_a_connection_that_says_nothing_is_held_open() -> None:
    assert "sleep 3 | nc -w 3" in script((0, 1, K.OPENED), (1, 1, K.CLOSED))


def test_a_reset_is_made_of_what_is_left_unread() -> None:
    reset = [ConnectionEvent(1, 1, K.CLOSED, note="with a reset")]
    begins = wire((0, 1, K.OPENED), (0, 1, K.SENT, b"a"))
    text = netcat_script([*begins, *wire((0.1, 1, K.RECEIVED, OK)), *reset], THERE, HERE, SendMode())
    assert "| nc -w 3 127.0.0.1 8000 | head -c 19" in text
    assert "closes with a reset" in text
    assert "| timeout -s KILL 0.5 nc -w 3" in netcat_script([*begins, *reset], THERE, HERE, SendMode())


def test_connections_at_the_same_time_stay_so() -> None:
    text = script(
        (0, 1, K.OPENED),
        (0, 1, K.SENT, b"a"),
        (1, 2, K.OPENED),
        (1, 2, K.SENT, b"b"),
        (1.1, 2, K.RECEIVED, OK),
        (1.2, 2, K.CLOSED),
        (2, 1, K.SENT, b"c"),
        (2.5, 1, K.EOF),
    )
    assert text.endswith("wait\ntail -n +1 connection-1.txt connection-2.txt")
    assert "printf 'a'\nsleep 2.3\nprintf 'c'\n} | nc -w 4 127.0.0.1 8000 > connection-1.txt &\nsleep 1\n" in text
    assert "printf 'b' | timeout 0.5 nc -w 3 127.0.0.1 8000 > connection-2.txt &" in text


def test_many_connections_are_not_all_written_out() -> None:
    at_once = [(0.001 * at, at, kind, *rest) for at in range(1, 31) for kind, *rest in ((K.OPENED,), (K.SENT, b"a"))]
    text = script(*at_once)  # type: ignore[arg-type]
    assert "connection-12.txt" in text
    assert "connection-13.txt" not in text
    assert "18 more connections" in text
    apart = [(float(at), at, kind) for at in range(1, 31) for kind in (K.OPENED, K.EOF)]
    assert "18 more connections" in script(*apart)


def test_the_harness_s_own_requests_are_left_out_where_they_were_answered() -> None:
    sync = b"GET /sync HTTP/1.1\r\nHost: x\r\n\r\n"
    answered = wire((0, 1, K.OPENED), (0, 1, K.SENT, sync), (0, 1, K.RECEIVED, OK), (0, 1, K.CLOSED))
    assert case_events(answered) == []
    assert len(case_events(answered[:2])) == 2
    assert script() == "# The case sends nothing."


def test_each_way_of_sending() -> None:
    steps = ((0.0, 1, K.OPENED), (0.0, 1, K.SENT, GET), (0.1, 1, K.EOF))
    assert "'\\r\\n' | slowly" in script(*steps, mode=SendMode(Segmentation.BYTES))
    assert "printf 'GET /echo HTTP/1.1\\r'\nsleep 0.05\nprintf '\\n'" in script(
        *steps, mode=SendMode(Segmentation.LINES)
    )
    assert script(*steps, mode=SendMode(Segmentation.PAUSED)).count("sleep 0.05") >= 1


def test_other_transports() -> None:
    events = wire((0, 1, K.OPENED), (0, 1, K.SENT, b"a"))
    unix = Address(path="http.sock")
    assert netcat_script(events, unix, unix, SendMode()).endswith("printf 'a' | nc -w 3 -U http.sock")
    text = netcat_script(events, THERE, Address(port=8000, tls=True), SendMode())
    assert text.endswith("printf 'a' | timeout 3 openssl s_client -quiet -connect 127.0.0.1:8000 2>/dev/null")


def test_missing_bytes_are_reported() -> None:
    sent = ConnectionEvent(0, 1, K.SENT, b"a" * 1000, omitted=1000)
    text = netcat_script([*wire((0, 1, K.OPENED)), sent], THERE, HERE, SendMode())
    assert "\nhead -c 2000 /dev/zero | tr '\\0' 'a' | nc " in text
    assert "the last 1,000 bytes sent were not kept" in " ".join(text.replace("#", "").split())


def test_nothing_that_came_reaches_the_shell() -> None:
    text = script((0, 1, K.OPENED), (0, 1, K.SENT, b"a"), (0.1, 1, K.RECEIVED, b"HTTP\x1b[2J`id`\x00\x85\r\nx"))
    assert text.isascii()
    assert "\x1b" not in text
    assert text.splitlines()[0].startswith("# Connection 1: got 'HTTP\\x1b[2J`id`\\x00")
