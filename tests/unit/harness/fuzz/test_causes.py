"""The grouping of disagreements."""

from __future__ import annotations

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.fuzz.catalogue_vectors import catalogue_vectors, covering_cases
from wsgi_gauntlet.harness.fuzz.causes import Finding, cause_id, disagreements, explanation, merge, signature
from wsgi_gauntlet.harness.fuzz.differences import Difference, Signature
from wsgi_gauntlet.harness.fuzz.inputs import FuzzInput
from wsgi_gauntlet.harness.fuzz.observation import Answer, AppCall, End, Observation
from wsgi_gauntlet.harness.fuzz.traits import traits

SERVED_INSTEAD = Difference("outcome", "rejected", "served")
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
PLUS = CHUNKED.replace(b"\r\n5\r", b"\r\n+5\r")
PLUS_AND_EXTENSION = CHUNKED.replace(b"\r\n5\r", b"\r\n+5;a\r")

SERVED = Observation((AppCall("POST", "/", ""),), (Answer(2, complete=True, well_formed=True),), End.CLOSED)
REFUSED = Observation((), (Answer(4, complete=True, well_formed=True),), End.CLOSED)


def signed(data: bytes, difference: Difference = SERVED_INSTEAD, server: str = "one") -> Signature:
    return signature(server, difference, data)


def finding(data: bytes, difference: Difference = SERVED_INSTEAD, server: str = "one") -> Finding:
    return Finding(data, signed(data, difference, server), 1)


def test_a_cause_explains_inputs_with_more_traits() -> None:
    assert finding(PLUS).explains(signed(PLUS_AND_EXTENSION))
    assert not finding(PLUS_AND_EXTENSION).explains(signed(PLUS))
    assert not finding(PLUS).explains(signed(PLUS, server="other"))
    assert not finding(PLUS).explains(signed(PLUS_AND_EXTENSION, Difference("outcome", "rejected", "waits")))


def test_a_well_formed_request_that_is_read_differently_explains_malformed_ones() -> None:
    body = Difference("body", "read whole", "empty")
    assert finding(CHUNKED, body).explains(signed(PLUS))
    assert not finding(PLUS, body).explains(signed(PLUS_AND_EXTENSION))


def test_the_form_of_a_refusal_is_one_cause_for_each_server() -> None:
    form = Difference("form of a refusal", "4xx", "no response")
    assert finding(PLUS, form).explains(signed(b"GET\r\n\r\n", form))
    assert not finding(PLUS, form).signature.traits
    assert explanation(signed(CHUNKED), [finding(PLUS, form)]) is None


def test_simple_disagreements_come_first() -> None:
    inputs = [FuzzInput(0, PLUS_AND_EXTENSION), FuzzInput(1, CHUNKED), FuzzInput(2, PLUS)]
    found = disagreements(inputs, [REFUSED, SERVED, REFUSED], [SERVED, SERVED, SERVED], "one")
    assert [each.made.number for each in found] == [2, 0]


def test_inputs_that_a_server_did_not_get_are_not_compared() -> None:
    assert disagreements([FuzzInput(0, PLUS), FuzzInput(1, PLUS)], [REFUSED, REFUSED], [REFUSED], "one") == []


def test_equal_causes_of_two_servers_are_one() -> None:
    longer = PLUS.replace(b"hello", b"world!")
    one, two = finding(PLUS), finding(PLUS.replace(b"POST / ", b"POST /a "), server="two")
    assert longer != PLUS
    (cause,) = merge([one, two], {one.signature: 3, two.signature: 4})
    assert cause.servers == ("one", "two")
    assert cause.inputs == 7
    assert cause.data == PLUS
    assert cause.title == "body: chunked; chunk size: is '+9'"
    assert "RFC 9112, 7.1" in cause.sections


def test_ids_depend_on_traits_and_difference() -> None:
    first = cause_id(traits(PLUS), SERVED_INSTEAD)
    assert first == cause_id(traits(PLUS), SERVED_INSTEAD)
    assert first.startswith("fuzz/body-chunked-chunk-size-is-9-")
    assert first != cause_id(traits(PLUS), Difference("outcome", "served", "rejected"))
    assert cause_id(frozenset(), SERVED_INSTEAD).startswith("fuzz/plain-request-")


def test_the_catalogue_covers_what_its_cases_send() -> None:
    vectors = catalogue_vectors(registry.cases())
    assert "http/chunked/size-syntax/plus" in covering_cases(traits(PLUS), vectors)
    assert "http/host/missing" in covering_cases(traits(b"GET / HTTP/1.1\r\n\r\n"), vectors)
    never_sent = traits(b"GET / HTTP/1.1\r\nHost: a\r\nX(\x00: a\x0b\r\n\r\n")
    assert covering_cases(never_sent, vectors) == ()
