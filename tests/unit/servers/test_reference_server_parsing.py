"""What the reference server takes for a host, and what it says to CONNECT (RFC 3986, 3.2.2; RFC 9110, 9.3.6)."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.servers.reference_server import parsing
from wsgi_gauntlet.servers.reference_server.rejection import RequestRejected

NAMES = [b"one.example", b"a!$&'()*+,;=b", b"ex%C3%A9", b"a_b~c", b"192.0.2.1"]
LITERALS = [b"[::1]", b"[::]", b"[1:2:3:4:5:6:7::]", b"[2001:DB8::1]", b"[::ffff:192.0.2.1]", b"[v1.a:b]", b"[VF.x]"]
BROKEN = [
    *(b"[:::::]", b"[::1", b"::1", b"[::1]x", b"[zz]", b"[1:2:3:4:5:6:7:8:9]", b"[1::2::3]", b"[12345::]", b"[]"),
    *(b"[::1%eth0]", b"[::192.0.2]", b"[::192.0.2.01]", b"[v1.]", b"[v.a]", b"[vg.a]", b"[v1.a/b]"),
    *(b"a%zz", b"a%4", b"a?b", b"a#b", b"a@b", b"a/b", b"a b", b'"a"', b"a[", b"\xe9", b"a\\b", b"a\tb"),
]


@pytest.mark.parametrize("host", NAMES + LITERALS)
@pytest.mark.parametrize("port", [b"", b":", b":80"])
def test_a_host_of_every_form_is_valid_with_and_without_a_port(host: bytes, port: bytes) -> None:
    assert parsing.valid_host(host + port)


@pytest.mark.parametrize("host", [*BROKEN, b"a:1:2", b"a:+80", b"a:http", b"[::1]:x", b"a: 80"])
def test_what_is_no_host_is_not(host: bytes) -> None:
    assert not parsing.valid_host(host)


@pytest.mark.parametrize("host", NAMES + LITERALS)
def test_connect_to_a_good_host_and_port_is_not_implemented(host: bytes) -> None:
    with pytest.raises(RequestRejected) as refused:
        parsing.target(b"CONNECT", host + b":443")
    assert refused.value.status == 501


@pytest.mark.parametrize("host", NAMES + LITERALS)
@pytest.mark.parametrize("port", [b"", b":", b":0", b":65536", b":99999999999", b":http", b":+80", b":80 "])
def test_connect_without_a_good_port_is_a_mistake(host: bytes, port: bytes) -> None:
    with pytest.raises(RequestRejected) as refused:
        parsing.target(b"CONNECT", host + port)
    assert refused.value.status == 400


@pytest.mark.parametrize("host", [*BROKEN, b""])
def test_connect_to_no_host_is_a_mistake(host: bytes) -> None:
    with pytest.raises(RequestRejected) as refused:
        parsing.target(b"CONNECT", host + b":443")
    assert refused.value.status == 400


@pytest.mark.parametrize("host", NAMES + LITERALS)
@pytest.mark.parametrize(("scheme", "secure"), [(b"http", False), (b"https", True), (b"HTTPS", True), (b"HttP", False)])
def test_a_whole_url_says_whether_it_is_https(host: bytes, scheme: bytes, secure: bool) -> None:
    target = parsing.target(b"GET", scheme + b"://" + host + b":1/a?b")
    assert (target.path, target.query, target.authority, target.secure) == (b"/a", b"b", host + b":1", secure)


@pytest.mark.parametrize("host", [*(each for each in BROKEN if each not in (b"a/b", b"a?b")), b"", b":80"])
def test_a_whole_url_without_a_host_is_refused(host: bytes) -> None:
    with pytest.raises(RequestRejected) as refused:
        parsing.target(b"GET", b"http://" + host)
    assert refused.value.status == 400
