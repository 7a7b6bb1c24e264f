"""Traffic files in TOML and value lists in CSV: what they mean, and one line for each mistake."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.traffic import toml_writer, values_file
from wsgi_gauntlet.harness.traffic.compiled import CompiledTraffic
from wsgi_gauntlet.harness.traffic.model import (
    Capture,
    FileBody,
    FilePart,
    FormBody,
    JsonBody,
    RawBody,
    Sequence,
    Step,
    Traffic,
    ValueList,
)
from wsgi_gauntlet.harness.traffic.toml_file import (
    CAPTURE_KEYS,
    FILE_KEYS,
    STEP_KEYS,
    input_pattern,
    parse,
    with_unique_names,
)

FILES = {"users.csv": b"name,password\nanna,a\n", "photo.png": b"\x89PNG"}


def read(name: str) -> bytes:
    if name not in FILES:
        raise ConfigurationError(f"{name}: No such file or directory; name a file that can be read")
    return FILES[name]


def traffic(text: str) -> Traffic:
    return parse(text, "shop.toml", read)


def one_step(text: str) -> Step:
    return traffic(f"[[request]]\n{text}").sequences[0].steps[0]


def test_a_whole_file() -> None:
    found = traffic("""
[values]
users = "users.csv"

[[request]]
name = "front page"
path = "/"
query = { page = 2, q = "a b&ü", tag = ["x", "y"] }
weight = 2.5

[[sequence]]
name = "log in"

[[sequence.step]]
path = "/login"
capture.csrf = { input = "csrf_token" }
capture.id = 'data-id="([0-9]+)"'
think_time = 1.5

[[sequence.step]]
name = "send"
path = "/login?next=/"
form = { csrf_token = "${csrf}", name = "${users.name}", number = 3, tag = ["a", "b"] }
headers = { Referer = "${origin}/login" }
follow = true
status = [200, 404]
contains = ["Hello ${users.name}"]
""")
    front = Step("front page", "GET", "/?page=2&q=a%20b%26%C3%BC&tag=x&tag=y")
    login = Step(
        "GET /login",
        "GET",
        "/login",
        captures=(Capture("csrf", input_pattern("csrf_token")), Capture("id", 'data-id="([0-9]+)"')),
        think_time=1.5,
    )
    fields = (("csrf_token", "${csrf}"), ("name", "${users.name}"), ("number", "3"), ("tag", "a"), ("tag", "b"))
    send = Step(
        "send",
        "POST",
        "/login?next=/",
        (("Referer", "${origin}/login"),),
        FormBody(fields),
        (200, 404),
        follow=True,
        contains=("Hello ${users.name}",),
    )
    assert found == Traffic(
        (Sequence("log in", (login, send)), Sequence("front page", (front,), 2.5)),
        (ValueList("users", ("name", "password"), (("anna", "a"),)),),
        "shop.toml",
    )
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=Traffic) == found


@pytest.mark.parametrize(
    ("text", "method", "body"),
    [
        ('json = { a = [1, true, "é"] }', "POST", JsonBody('{"a": [1, true, "é"]}')),
        ('json = \'{"a": "${origin}"}\'', "POST", JsonBody('{"a": "${origin}"}')),
        ("json = [1, 2]\nmethod = 'PUT'", "PUT", JsonBody("[1, 2]")),
        ("body = 'text ${x}'\ntype = 'text/x'", "POST", RawBody(b"text ${x}", "text/x")),
        ("body = { path = 'photo.png' }", "POST", RawBody(b"\x89PNG")),
        ("body = { base64 = 'AAE=' }", "POST", RawBody(b"\0\1")),
        ("form = [['a', '1'], ['b', '2'], ['a', '3']]", "POST", FormBody((("a", "1"), ("b", "2"), ("a", "3")))),
        (
            "file = { field = 'f', path = 'photo.png' }\nform = { t = 'x' }",
            "POST",
            FileBody((FilePart("f", "photo.png", "image/png", b"\x89PNG"),), (("t", "x"),)),
        ),
        (
            "file = [{ field = 'f', base64 = 'eA==', name = 'a.bin', type = 'x/y' }]",
            "POST",
            FileBody((FilePart("f", "a.bin", "x/y", b"x"),)),
        ),
        ("file = { field = 'f', name = '', base64 = '' }", "POST", FileBody((FilePart("f", "", "", b""),))),
        ("file = []\nform = { a = 'b' }", "POST", FileBody((), (("a", "b"),))),
    ],
)
def test_bodies(text: str, method: str, body: object) -> None:
    step = one_step(f"path = '/'\n{text}")
    assert (step.method, step.body) == (method, body)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pattern = 'a(b)'", Capture("c", "a(b)")),
        ("json = '/a/0'", Capture("c", "/a/0", "json")),
        ("json = ''", Capture("c", "", "json")),
        ("cookie = 'sid'", Capture("c", "", "cookie", "sid")),
        ("header = 'ETag'", Capture("c", "(.*)", "header", "ETag")),
        ("header = 'Location', pattern = 'id=(.*)'", Capture("c", "id=(.*)", "header", "Location")),
    ],
)
def test_captures(text: str, expected: Capture) -> None:
    assert one_step(f"path = '/'\ncapture.c = {{ {text} }}").captures == (expected,)


def test_a_body_may_be_left_out_of_the_comparison() -> None:
    assert one_step("path = '/'").compare
    step = one_step("path = '/'\ncompare = false")
    assert not step.compare
    written = toml_writer.render(Traffic((Sequence(step.name, (step,)),)))
    assert traffic(written).sequences[0].steps == (step,)


def test_steps_of_the_same_name_get_a_number() -> None:
    text = "[[sequence]]\n" + "[[sequence.step]]\npath = '/'\n" * 3
    assert [each.name for each in traffic(text).sequences[0].steps] == ["GET /", "GET / (2)", "GET / (3)"]
    assert traffic(text).sequences[0].name == "sequence 1"


def test_the_names_of_many_equal_steps_are_made_quickly() -> None:
    steps = with_unique_names(
        [Step("poll", "GET", "/"), Step("poll (2)", "GET", "/"), *[Step("poll", "GET", "/")] * 9998]
    )
    assert [each.name for each in steps[:4]] == ["poll", "poll (2)", "poll (3)", "poll (4)"]
    assert len({each.name for each in steps}) == 10_000


def test_a_large_upload_is_written_in_short_lines() -> None:
    body = FileBody((FilePart("f", "", "", bytes(3_000_000)),))
    step = Step("POST /", "POST", "/", body=body)
    written = toml_writer.render(Traffic((Sequence("s", (step,)),)))
    assert max(map(len, written.splitlines())) <= 100
    assert traffic(written).sequences[0].steps == (step,)


REQUEST = "[[request]]\npath = '/'\n"
STEP = "[[sequence]]\nname = 'buy'\n[[sequence.step]]\npath = '/'\n"

MISTAKES = [
    ("", "shop.toml: it has no requests; write a table"),
    ("a = ", "shop.toml: it is no TOML: Invalid value (at end of document)"),
    ("[[requests]]", "there is no key 'requests', did you mean 'request'|did you mean"),
    ("request = 1", "request must be a list of tables"),
    ("request = [1]", "request 1: it must be a table with the keys"),
    ("[[request]]", 'request 1: it has no path; write for example path = "/login"'),
    ("[[request]]\npath = 5", "path must be a text between quotes"),
    ("[[request]]\npath = 'login'", "path 'login' must begin with /"),
    ("[[request]]\npath = 'http://a/'", "must begin with /"),
    ("[[request]]\npath = '/a b'", "must have only ASCII characters"),
    ("[[request]]\npath = '/é'", "must have only ASCII characters"),
    ("[[request]]\npath = '/#a'", "must have only ASCII characters"),
    ("[[request]]\npath = '/${}'", "path: '${}' is no placeholder"),
    ("[[request]]\npath = '/gauntlet-control/x'", "paths below /gauntlet-control belong to the harness"),
    (REQUEST + "pth = 1", "request 1: there is no key 'pth'"),
    (REQUEST + "method = 'G T'", "method 'G T' is no method"),
    (REQUEST + "method = 'connect'", "is no method of an app"),
    (REQUEST + "method = ''", "method must be a text between quotes, with at least one character"),
    (REQUEST + "status = 99", "status 99: use a number from 200 to 599"),
    (REQUEST + "status = []", "use a number from 200 to 599, or a list"),
    (REQUEST + "status = true", "use a number from 200 to 599"),
    (REQUEST + "status = '200'", "use a number from 200 to 599"),
    (REQUEST + "follow = 1", "follow takes true or false"),
    (REQUEST + "compare = 'no'", "compare takes true or false"),
    (REQUEST + "think_time = -1", "think_time is -1; use a number from 0 to 3600"),
    (REQUEST + "think_time = inf", "think_time must be a number of seconds"),
    (REQUEST + f"think_time = {10**400}", "a whole number has more than 64 bits; write it between quotes"),
    (REQUEST + f"form = {{ a = [0x{'f' * 5000}] }}", "a whole number has more than 64 bits"),
    (REQUEST + f"status = {'1' * 5000}", "a whole number has more than 64 bits"),
    ("[[request]]\npath = '${origin}'\nquery = { a = '1' }", "path '${origin}' is a link with its own query"),
    (REQUEST + "think_time = true", "think_time must be a number of seconds"),
    (REQUEST + "weight = 0", "weight is 0; use a larger number"),
    (REQUEST + "weight = nan", "weight must be a number"),
    (REQUEST + "weight = 10000000", "use a number from 0 to 1e+06"),
    (REQUEST + "contains = 1", "contains: it must be a text, or a list of texts"),
    (REQUEST + "contains = ['']", "with at least one character"),
    (REQUEST + "query = 'a=1'", "query: it must be a table"),
    (REQUEST + "form = { a = true }", "form: a: true and false have no form here"),
    (REQUEST + "form = { a = { b = 1 } }", "its value must be a text or a number"),
    (REQUEST + "form = [['a']]", "or a list of pairs"),
    (REQUEST + "form = {}\njson = {}", "form and json cannot be combined"),
    (REQUEST + "type = 'text/x'", "type is the content type of body"),
    (REQUEST + "json = '{a}'", "json: it is no JSON: "),
    (REQUEST + "json = { d = 2020-01-01 }", "JSON has no dates"),
    (REQUEST + "json = { d = nan }", "JSON has no dates and no infinite numbers"),
    (REQUEST + "body = {}", "it takes either path, the name of a file, or base64"),
    (REQUEST + "body = { path = 'missing' }", "body: missing: No such file or directory"),
    (REQUEST + "body = { base64 = '!' }", "base64 is not valid"),
    (REQUEST + "body = { base64 = 1 }", "base64 must be a text"),
    (REQUEST + "file = { path = 'photo.png' }", "it has no field"),
    (REQUEST + "file = []", "it names no file"),
    (REQUEST + "headers = { 'a b' = '1' }", "'a b' is no name of a header"),
    (REQUEST + "headers = { Content-Length = '1' }", "the program writes Content-Length itself"),
    (REQUEST + 'headers = { A = "1\\r\\nB: 2" }', "the value of A has control characters"),
    (REQUEST + "headers = [['Host', 'a'], ['host', 'b']]", "headers: Host is given twice; a request has one"),
    (REQUEST + "headers = { Host = 'a b' }", "'a b' is no host; write a name and a port or not"),
    (REQUEST + "headers = { Host = '' }", "'' is no host"),
    (REQUEST + "headers = { Host = 'http://a/' }", "'http://a/' is no host"),
    (REQUEST + "headers = [['Content-Type', 'a'], ['content-type', 'b']]\nbody = 'x'", "Content-Type is given twice"),
    (REQUEST + "headers = { Content-Type = 'a' }\nbody = 'x'\ntype = 'b'", "Content-Type is given twice"),
    (REQUEST + "headers = { Transfer-Encoding = 'chunked' }", "the program writes Transfer-Encoding itself"),
    (REQUEST + "headers = { '${origin}' = 'x' }", "'${origin}' is no name of a header"),
    ("[[request]]\npath = '/%67auntlet-control/x'", "paths below /gauntlet-control belong to the harness"),
    ("[[request]]\npath = '*'", "path '*' must begin with /"),
    ("[[request]]\npath = '/?q=a b'", "must have only ASCII characters without spaces"),
    ("[[request]]\npath = '${origin}/x'", "must begin with /, or be one placeholder alone"),
    (REQUEST + "weight = -1", "weight is -1; use a number from 0 to 1e+06"),
    (REQUEST + "weight = inf", "weight must be a number"),
    (REQUEST + "weight = '2'", "weight must be a number"),
    (REQUEST + "method = '${x}'", "method '${x}' is no method"),
    (REQUEST + "capture.a = '(.{999999999999})'", "is no regular expression: the repetition number is too large"),
    ("sequence = []", "it has no requests"),
    ("[[sequence]]\nstep = []", "it has no steps"),
    ("[sequence]\nname = 'a'", "sequence must be a list of tables; begin each with two brackets"),
    (REQUEST + "headers = { A = '${b}' }", "header A: ${b} has no value"),
    (
        REQUEST + "headers = { Content-Type = 'x' }\nfile = { field = 'f', base64 = '' }",
        "writes the Content-Type of a form with files itself",
    ),
    (REQUEST + "capture = 'x'", "capture: it must be a table of names"),
    (REQUEST + "capture.a = 'x'", "'x' has 0 groups"),
    (REQUEST + "capture.a = '(x)(y)'", "'(x)(y)' has 2 groups"),
    (REQUEST + "capture.a = '(x'", "'(x' is no regular expression"),
    (REQUEST + "capture.a = {}", "use one of input"),
    (REQUEST + "capture.a = { input = 'x', json = '/' }", "use one of input"),
    (REQUEST + "capture.a = { input = '' }", "input must be a text"),
    (REQUEST + "capture.a = { json = 'x' }", "is no JSON pointer"),
    (REQUEST + "capture.a = { header = 'a b' }", "'a b' is no name of a header"),
    (REQUEST + "capture.origin = '(x)'", "every visit has a value origin"),
    (REQUEST + "capture.'a b' = '(x)'", "the name of a captured value"),
    (
        STEP + "form = { a = '${csrf}' }",
        "sequence 'buy', step 1, form field 'a': ${csrf} has no value: no earlier step",
    ),
    (STEP + "capture.a = '(x)'\n[[sequence.step]]\npath = '/${A}'", "step 2, path: ${A} has no value"),
    (STEP + "contains = '${users.name}'", "no value list has this column"),
    (STEP + "capture.a = '(x)'\nheaders = { B = '${a}' }", "no earlier step of this sequence captures it"),
    ("[[sequence]]\nname = 'x'", "sequence 'x': it has no steps"),
    ("[[sequence]]\nsteps = 1", "there is no key 'steps'"),
    (STEP + "name = 'a'\n[[sequence.step]]\npath = '/'\nname = 'a'", "an earlier step has the name 'a'"),
    (REQUEST + REQUEST, "two sequences or requests have the name 'GET /'"),
    ("values = 1\n" + REQUEST, "values: it must be a table"),
    ("[values]\nusers = 1\n" + REQUEST, "values, users: it must be the name of a CSV file"),
    ("[values]\n'a b' = 'users.csv'\n" + REQUEST, "the name of a value list has letters"),
    ("[values]\nusers = 'gone.csv'\n" + REQUEST, "values, users: gone.csv: No such file"),
]


@pytest.mark.parametrize(("text", "message"), MISTAKES)
def test_each_mistake_is_one_line_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        traffic(text)
    line = str(caught.value)
    assert line.startswith(("shop.toml: ", "shop.toml, "))
    assert any(each in line for each in message.split("|"))
    assert "\n" not in line


def test_hosts() -> None:
    for host in ("shop.example", "shop.example:8000", "127.0.0.1", "[::1]:80", "${users.name}.example"):
        text = f"[values]\nusers = 'users.csv'\n[[request]]\npath = '/'\nheaders = {{ Host = '{host}' }}"
        assert traffic(text).sequences[0].steps[0].headers == (("Host", host),)


def test_a_file_that_is_nested_too_deeply_is_a_mistake() -> None:
    with pytest.raises(ConfigurationError, match=r"^shop\.toml: "):
        traffic(f"a = {'[' * 100_000}")


def test_uploads_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsgi_gauntlet.harness.traffic.toml_file.MAX_UPLOAD_BYTES", 5)
    with pytest.raises(ConfigurationError, match="use smaller files"):
        one_step("path = '/'\nfile = [{ field = 'f', path = 'photo.png' }, { field = 'g', path = 'photo.png' }]")


# ---------------------------------------------------------------------- CSV


def test_a_value_list() -> None:
    data = '\ufeffname, city\r\n"a, ""b""",x\r\n\r\n"two\nlines",é\r\n'.encode()
    assert values_file.parse("v", data, "v.csv") == ValueList(
        "v", ("name", "city"), (('a, "b"', "x"), ("two\nlines", "é"))
    )


def test_a_value_list_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsgi_gauntlet.harness.traffic.values_file.MAX_ROWS", 2)
    assert len(values_file.parse("v", b"a\n1\n2\n", "v.csv").rows) == 2
    with pytest.raises(ConfigurationError, match=r"v\.csv, line 4: a value list has at most 2 rows; use a shorter"):
        values_file.parse("v", b"a\n1\n2\n3\n", "v.csv")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "v.csv: it is empty"),
        (b"\n\n", "v.csv: it is empty"),
        (b"name\n", "v.csv: it has no rows"),
        (b"a,b\n1,2\n3\n", "v.csv, line 3: it has 1 value and the first line has 2 names"),
        (b"a,b\n1,2,3\n", "v.csv, line 2: it has 3 values"),
        (b"a;b\n1;2\n", "'a;b' is no name of a column; use letters, digits, _ and -; separate the columns with commas"),
        (b"a,a\n1,2\n", "the column 'a' stands there twice"),
        (b"a,\n1,2\n", "'' is no name of a column"),
        (b'a\n"x"y\n', "v.csv, line 2: it is no CSV"),
        (b'a\n"x\n', "it is no CSV"),
        (b"a\n1\n\xff\n", "v.csv, line 3: it is not UTF-8"),
    ],
)
def test_mistakes_in_a_value_list(data: bytes, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        values_file.parse("v", data, "v.csv")
    assert message in str(caught.value)


KEYS = [*STEP_KEYS, *CAPTURE_KEYS, *FILE_KEYS, "step", "weight", "request", "sequence", "values", "x"]
scalars = st.sampled_from(
    ["''", "'/'", "'${a}'", "'${'", "'(x)'", "1", "-1", "nan", "true", "'users.csv'", "2020-01-01", "'x y'", "'{}'"]
)
inline = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda each: f"[{', '.join(each)}]")
        | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3).map(
            lambda each: "{ " + ", ".join(f"{key} = {value}" for key, value in each.items()) + " }"
        )
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(STEP_KEYS), inline, max_size=5), st.booleans())
def test_any_values_give_traffic_or_one_line(table: dict[str, str], is_step: bool) -> None:
    head = "[[sequence]]\n[[sequence.step]]\n" if is_step else "[[request]]\n"
    lines = {"path": "'/'", **table}
    text = head + "".join(f"{key} = {value}\n" for key, value in lines.items())
    line = "shop.toml, no mistake"
    try:
        CompiledTraffic(traffic(text))
    except ConfigurationError as problem:
        line = str(problem)
    assert line.startswith("shop.toml, ")
    assert "\n" not in line
