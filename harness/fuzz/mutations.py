"""Mutations of a request at its seams. Pure.

A mutation changes one part of a message: it replaces a part by a value from a table, puts an odd byte into it, or
changes the order and number of parts. Each has a name: the part, so that a reader of a result knows what was changed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from wsgi_gauntlet.harness.fuzz.message import Chunk, Field, Message

ODD_BYTES = (
    b"\x00", b"\x01", b"\t", b"\n", b"\x0b", b"\x0c", b"\r", b"\x1c", b"\x1f", b" ", b'"', b"#", b"%", b"(", b",",
    b"/", b":", b";", b"=", b"?", b"@", b"[", b"\\", b"_", b"`", b"{", b"|", b"\x7f", b"\x80", b"\x85", b"\xa0",
    b"\xff",
)  # fmt: skip
"""Bytes at which parsers differ: controls, whitespace of some languages, delimiters, and bytes above ASCII."""

LINE_ENDS = (b"\n", b"\r", b"\n\r", b"\r\r\n", b"\r\n\r\n", b" \r\n", b"\t\r\n", b"\x00\r\n", b"\r \n", b"")
"""In place of CRLF."""

GAPS = (b"  ", b"\t", b" \t", b"\x0b", b"\x0c", b"\r", b"\xa0", b"\x00", b"\n", b"")
"""In place of the space between two parts of the request line."""

FIELD_GAPS = (
    b" : ", b"\t: ", b":", b":\t", b":  \t", b":: ", b" ", b"=", b"", b":\r\n ", b":\r\n\t", b"\x00: ", b"\xa0: ",
    b"\x0b: ", b":\x0b", b":\x0c", b":\xa0", b"\r: ", b":\n ", b": \r\n\r\n",
)  # fmt: skip
"""In place of the colon and space between the name and the value of a field."""

METHODS = (
    b"get", b"GE", b"GETT", b"PUT", b"DELETE", b"PATCH", b"TRACE", b"OPTIONS", b"HEAD", b"CONNECT", b"PRI", b"G(T",
    b"G\x00T", b"M-SEARCH", b"_", b"$", b"GET/", b'"GET"', b"\xffGET", b"",
)  # fmt: skip

TARGETS = (
    b"*", b"", b"a", b"a/b", b"?", b"?a=b", b"//", b"//a/b", b"///", b"/.", b"/..", b"/../a", b"/a/../b", b"/a/./b",
    b"/%2e%2e/a", b"/%2F", b"/%2f%2F", b"/%", b"/%4", b"/%zz", b"/%00", b"/%0d%0a", b"/%0", b"/%u0041", b"/%C3%A9",
    b"/%ff", b"/\xc3\xa9", b"/\xff", b"/a#b", b"#", b"/#?a", b"/a?b?c", b"/?#", b"/a;b=c", b"/a;b/c", b"/a\\b", b"\\",
    b"/a b", b"/a\tb", b"/\x00", b"/\x7f", b"/\x0b", b'/"', b"/<>", b"/{}", b"/|^`", b"/[]", b"/a&b", b"/+", b"/%2B",
    b"/%20", b"/%25", b"/?%", b"/?%zz", b"/?\xff", b"/?%00", b"/?[]", b"/?a=%26", b"/?\\", b'/?"', b"http://a",
    b"http://a/", b"http://b/c?d", b"HTTP://a/", b"http:///", b"http://", b"http:/a", b"http:a", b"http://a:80/",
    b"http://a:/", b"http://a:x/", b"http://u@a/", b"http://[::1]/", b"http://a?b", b"https://a/", b"ftp://a/",
    b"a:80", b"a:", b"/:", b"/http://b/", b"http://a/../b", b"http://a//b", b"http://a/%zz", b"http://\xff/",
    b"http://a b/", b"urn:a", b"mailto:a@b",
)  # fmt: skip

VERSIONS = (
    b"HTTP/1.0", b"HTTP/1.2", b"HTTP/1.9", b"HTTP/2.0", b"HTTP/0.9", b"HTTP/3", b"HTTP/1", b"HTTP/1.", b"HTTP/.1",
    b"HTTP/1.10", b"HTTP/1.01", b"HTTP/01.1", b"HTTP/11.1", b"http/1.1", b"Http/1.1", b"HTTP/1,1", b"HTTP 1.1",
    b"HTTP1.1", b"HTTP/ 1.1", b"HTTP/1. 1", b"HTTP/+1.1", b"HTTP/-1.1", b"HTTP/1.-1", b"HTTP/1.1a", b"HTTP/1.1 a",
    b"HTTP/1.1.1", b"XTTP/1.1", b"HTTP/x.y", b"HTTP/1_1", b"HTTP/\xb1.1", b"HTTPS/1.1", b"/1.1", b"HTTP//1.1", b"",
)  # fmt: skip

LENGTHS = (
    b"+5", b"-5", b"-0", b"+0", b"05", b"005", b"0x5", b"5.0", b"5e0", b"5_0", b"0_5", b"5 ", b"5\t", b"5 5", b"5,5",
    b"5, 5", b"5,6", b",5", b"5,", b"5;", b"5;a", b'"5"', b"5\x0b", b"\x0b5", b"\x0c5", b"5\x0c", b"\xa05", b"5\xa0",
    b"5\x00", b"\x1c5", b"\xb2", b"", b"a", b"0", b"3", b"6", b"9", b"0 5", b"00", b"5\r", b"\r5", b"%35", b"0b101",
    b"1" + b"0" * 18, b"18446744073709551621", b"4294967301", b"5" + b"0" * 40, b"0" * 30 + b"5", b"5L", b"0o5",
)  # fmt: skip

CODINGS = (
    b"Chunked", b"CHUNKED", b"chunked ", b"chunked\t", b"chunked,", b",chunked", b", chunked", b"chunked, ",
    b"chunked,chunked", b"chunked, chunked", b"identity", b"identity, chunked", b"chunked, identity", b"gzip",
    b"gzip, chunked", b"chunked, gzip", b"chunked;a=b", b"chunked;", b"chunked ;a", b"chunked; q=1", b'"chunked"',
    b"'chunked'", b"xchunked", b"chunkedx", b"x-chunked", b"chunke", b"chun ked", b"chunked\x00", b"\x00chunked",
    b"\x0bchunked", b"chunked\x0b", b"\x0cchunked", b"\xa0chunked", b"chunked\xa0", b"\x1cchunked", b"chunked\x1c",
    b"chunked\x85", b"", b"none", b"true", b"chunked\r", b"chunked/1", b"chunked chunked", b"compress, chunked", b"0",
    b"chu\xc5\xb8nked", b"deflate", b"x, chunked", b"chunked=", b"@chunked", b"chunked\xff", b"trailers, chunked",
)  # fmt: skip

CONNECTIONS = (
    b"close", b"keep-alive", b"Close", b"close, keep-alive", b"keep-alive, close", b"close,", b",close", b"close;",
    b"xclose", b"close x", b"close\x0b", b"\x0bclose", b"upgrade", b"TE, close", b"host", b"content-length",
    b"transfer-encoding", b"x-a", b"", b"\xa0close", b'"close"',
)  # fmt: skip

HOSTS = (
    b"", b"a b", b"a:80", b"a:", b"a:x", b":80", b"a:99999", b"a:-1", b"a/b", b"a?b", b"a#b", b"u@a", b"http://a",
    b"a,b", b"a, a", b"[::1]", b"[::1", b"[::1]:80", b"[::1]a", b"[g]", b"::1", b"a\\b", b"a\x00", b"\xff", b"%41",
    b"%zz", b"a;b", b"a_b", b'"a"', b"<a>", b"a\x7f", b"a{}", b".", b"*", b"a\tb", b"a:80:80",
)  # fmt: skip

EXPECTATIONS = (b"100-continue", b"100-Continue", b"100-continue, a", b"a", b"", b"100-continue;a", b"100-continue=a")

NAMES = (
    b"X-A", b"x-a", b"X_A", b"X.A", b"X A", b"X-A ", b" X-A", b"", b"X:A", b"X(A", b"X/A", b'"X"', b"X\x00A",
    b"X\x0bA", b"X\x7fA", b"X\xffA", b"X\xe9", b"!#$%&'*+-.^_`|~", b"X@A", b"X[A]", b"X{A}", b"X=A", b"X;A", b"X,A",
    b"X\tA", b"X?A", b"X\\A", b"X<A>", b"1", b"-", b"_", b"X\rA", b"X\nA", b"X\xa0", b"\xa0X", b"X\x1c", b"Proxy",
    b"Content_Length", b"Content-Length ", b"Transfer_Encoding", b"HTTP_HOST", b"wsgi.input", b"Script-Name",
)  # fmt: skip

VALUES = (
    b"", b" ", b"\t", b"a\x00b", b"\x00", b"a\x01b", b"a\x0bb", b"a\x0cb", b"a\rb", b"a\nb", b"a\r\n b", b"a\r\n\tb",
    b"\r\n a", b"a\r\n ", b"a\n b", b"a\x7fb", b"a\x80b", b"\xff", b"\xc3\xa9", b"\xa0a", b"a\xa0", b"a\x85", b"\x1ca",
    b"a\x1f", b"a\x0b", b"\x0ca", b'"a', b"a\\", b"a,b", b"a, ,b", b"a;b", b"a  b", b"a\tb", b"a ", b"a\t", b"=?a?=",
)  # fmt: skip

SIZES = (
    b"+5", b"-5", b"0x5", b"05", b"0005", b"5 ", b" 5", b"\t5", b"5\t", b"5\x0b", b"\x0b5", b"5\x0c", b"\xa05",
    b"5\x00", b"\x005", b"5_0", b"0_5", b"5.0", b"5h", b"5g", b"g", b"", b"5,5", b"5 5", b"5=a", b'"5"', b"5\r", b"5\n",
    b"4", b"6", b"0", b"-0", b"+0", b"5L", b"\xb5", b"100000005", b"10000000000000005", b"ffffffffffffffff",
    b"8000000000000005", b"fffffffffffffffb", b"0" * 20 + b"5", b"#5", b"5#", b"%35", b"5/", b"5:", b"\x1c5", b"5\x85",
)  # fmt: skip

EXTENSIONS = (
    b";", b";a", b";a=", b";=", b";=b", b";a=b", b';a="b"', b';a="b', b';a="\\"', b';a="\\', b"; a", b" ;a", b"\t;a",
    b";\ta", b";a = b", b";a=b;c", b";;", b";;a", b";a;", b";a b", b";a\x00", b";\x00", b";a\x7f", b";a\xff", b";a\x0b",
    b";a\r", b";a\rb", b";a\n", b';a="\r"', b';a="\n"', b';a="\r\n"', b";(", b";a=(", b";a=b c", b";a==b", b",a",
    b" a", b"a", b"=a", b" ", b"  ", b"\t", b"\x0b", b":a", b"#a", b"\\", b";\\", b";a='b'",
)  # fmt: skip

BEFORE = (
    b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\n\n", b" ", b"\t", b"\x00", b"\x0b", b" \r\n", b"\r\n ", b"a\r\n",
    b"\xef\xbb\xbf", b"\r\r\n", b"\n\r\n", b"\xa0", b"\x16\x03\x01", b"\r\n\r\n\r\n\r\n\r\n\r\n", b":\r\n",
)  # fmt: skip

TRAILERS = (b"X-T", b"Content-Length", b"Transfer-Encoding", b"Host", b"Trailer", b"X T", b"", b"X_T", b"X\x00", b"x-a")

HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"
"""A whole request that stands where a body, or nothing, should be."""

SECOND = b"GET /second HTTP/1.1\r\nHost: a\r\n\r\n"
"""A request that follows on the same connection."""

Mutation = Callable[[Message, Random], Message | None]
"""Return the changed message; None if the message lacks the part."""

ByteMutation = Callable[[bytes, Random], bytes]
"""Return the changed bytes of a whole message."""


def _insert(data: bytes, random: Random) -> bytes:
    """Return `data` with an odd byte before, in or after it, in place of a byte of it, or without a byte of it."""
    at = random.choice((0, len(data), random.randint(0, len(data))))
    how = random.random()
    if how < 0.6 or not data:
        return data[:at] + random.choice(ODD_BYTES) + data[at:]
    at = min(at, len(data) - 1)
    if how < 0.8:
        return data[:at] + random.choice(ODD_BYTES) + data[at + 1 :]
    return data[:at] + data[at + 1 :] if how < 0.9 else data[:at] + data[at : at + 1] + data[at:]


def _part(attribute: str, table: tuple[bytes, ...], odd_share: float = 0.25) -> Mutation:
    """Return the mutation of one part of the message: a value of `table`, or with `odd_share` an odd byte."""

    def mutate(message: Message, random: Random) -> Message:
        old: bytes = getattr(message, attribute)
        new = _insert(old, random) if not table or random.random() < odd_share else random.choice(table)
        return replace(message, **{attribute: new})  # type: ignore[arg-type]  # only parts that are bytes

    return mutate


def _change_field(message: Message, random: Random, change: Callable[[Field], Field], name: bytes = b"") -> Message:
    """Return `message` with one of its fields changed: one named `name`, if it has one."""
    named = [at for at, each in enumerate(message.fields) if not name or each.name.lower() == name.lower()]
    at = random.choice(named or range(len(message.fields)))
    return replace(message, fields=(*message.fields[:at], change(message.fields[at]), *message.fields[at + 1 :]))


def _field_part(attribute: str, table: tuple[bytes, ...], odd_share: float = 0.25) -> Mutation:
    def mutate(message: Message, random: Random) -> Message | None:
        if not message.fields:
            return None

        def change(field: Field) -> Field:
            old: bytes = getattr(field, attribute)
            new = _insert(old, random) if random.random() < odd_share else random.choice(table)
            return replace(field, **{attribute: new})

        return _change_field(message, random, change)

    return mutate


def _with_field(name: bytes, table: tuple[bytes, ...], odd_share: float = 0.15) -> Mutation:
    """Return the mutation of the field `name`: its value becomes another one, or the field is added."""

    def mutate(message: Message, random: Random) -> Message:
        value = random.choice(table)
        present = [each for each in message.fields if each.name.lower() == name.lower()]
        if present and random.random() < odd_share:
            value = _insert(present[0].value, random)
        if present and random.random() < 0.7:
            return _change_field(message, random, lambda field: replace(field, value=value), name)
        at = random.randint(0, len(message.fields))
        added = Field(name, value)
        return replace(message, fields=(*message.fields[:at], added, *message.fields[at:]))

    return mutate


def _length(message: Message, random: Random) -> Message:
    return _with_field(b"Content-Length", LENGTHS)(_with_known_body(message), random) or message


def _with_known_body(message: Message) -> Message:
    """Return `message` with the body `hello` if it has none: a length of five needs five bytes."""
    if message.body or message.chunks:
        return message
    return replace(message, method=b"POST", target=b"/read?to=end", body=b"hello")


def _new_field(message: Message, random: Random) -> Message:
    at = random.randint(0, len(message.fields))
    name = random.choice(NAMES) if random.random() < 0.7 else _insert(b"X-A", random)
    added = Field(name, b"b") if random.random() < 0.5 else Field(b"X-A", random.choice(VALUES))
    return replace(message, fields=(*message.fields[:at], added, *message.fields[at:]))


def _duplicate_field(message: Message, random: Random) -> Message | None:
    if not message.fields:
        return None
    at = random.randrange(len(message.fields))
    field = message.fields[at]
    other = {b"content-length": b"6", b"host": b"b", b"transfer-encoding": b"identity"}.get(field.name.lower(), b"c")
    copy = field if random.random() < 0.5 else replace(field, value=other)
    pair = (field, copy) if random.random() < 0.5 else (copy, field)
    return replace(message, fields=(*message.fields[:at], *pair, *message.fields[at + 1 :]))


def _remove_field(message: Message, random: Random) -> Message | None:
    if not message.fields:
        return None
    at = random.randrange(len(message.fields))
    return replace(message, fields=message.fields[:at] + message.fields[at + 1 :])


def _fold(message: Message, random: Random) -> Message | None:
    if not message.fields:
        return None
    fold = random.choice((b"\r\n ", b"\r\n\t", b"\n ", b"\r\n \r\n ", b"\r\n\x0b"))
    share = random.choice((0.0, 0.5, 1.0))

    def change(field: Field) -> Field:
        at = int(len(field.value) * share)
        return replace(field, value=field.value[:at] + fold + field.value[at:])

    return _change_field(message, random, change)


def _whitespace_line(message: Message, random: Random) -> Message:
    """Return `message` with whitespace before its first or another field, or a line without a field."""
    at = random.randint(0, len(message.fields))
    line = random.choice(
        (b" ", b"\t", b" \r\n", b"a\r\n", b":\r\n", b": a\r\n", b"\x00\r\n", b"\x0b\r\n", b"\r", b"\n")
    )
    if at == len(message.fields):
        return replace(message, head_end=line + message.head_end)
    return replace(
        message,
        fields=(*message.fields[:at], replace(message.fields[at], before=line), *message.fields[at + 1 :]),
    )


def _change_chunk(message: Message, random: Random, change: Callable[[Chunk], Chunk]) -> Message | None:
    if not message.chunks:
        return None
    at = random.randrange(len(message.chunks))
    return replace(message, chunks=(*message.chunks[:at], change(message.chunks[at]), *message.chunks[at + 1 :]))


def _chunk_part(attribute: str, table: tuple[bytes, ...], odd_share: float = 0.2) -> Mutation:
    def mutate(message: Message, random: Random) -> Message | None:
        def change(chunk: Chunk) -> Chunk:
            old: bytes = getattr(chunk, attribute)
            new = _insert(old, random) if random.random() < odd_share else random.choice(table)
            return replace(chunk, **{attribute: new})

        return _change_chunk(message, random, change)

    return mutate


def _chunk_size(message: Message, random: Random) -> Message | None:
    """Return `message` with another size, written for five bytes: the value is the same, or wrong by one."""

    def change(chunk: Chunk) -> Chunk:
        size = random.choice(SIZES) if random.random() < 0.8 else _insert(chunk.size, random)
        if len(chunk.data) == 5 or random.random() < 0.3:
            return replace(chunk, size=size)
        return replace(chunk, size=size.replace(b"5", chunk.size))

    return _change_chunk(message, random, change)


def _chunk_order(message: Message, random: Random) -> Message | None:
    """Return `message` without a chunk, with a chunk twice, or without the end of its body."""
    if not message.chunks:
        return None
    at = random.randrange(len(message.chunks))
    how = random.choice(("twice", "without", "no last chunk", "no end", "two ends"))
    chunks = message.chunks
    if how == "twice":
        chunks = (*chunks[: at + 1], *chunks[at:])
    elif how == "without":
        chunks = chunks[:at] + chunks[at + 1 :]
    elif how == "no last chunk":
        return replace(message, chunks=chunks[:-1], trailers=(), body_end=b"")
    else:
        return replace(message, body_end=b"" if how == "no end" else b"\r\n\r\n")
    return replace(message, chunks=chunks)


def _trailer(message: Message, random: Random) -> Message | None:
    if not message.chunks:
        return None
    name = random.choice(TRAILERS) if random.random() < 0.6 else _insert(b"X-T", random)
    added = Field(name, random.choice((b"c", b"5", *VALUES)))
    if random.random() < 0.4:
        added = replace(added, gap=random.choice(FIELD_GAPS))
    if random.random() < 0.2:
        added = replace(added, end=random.choice(LINE_ENDS))
    return replace(message, trailers=(*message.trailers, added))


def _body(message: Message, random: Random) -> Message:
    """Return `message` with a body of another length than its fields say, or with a request as its body."""
    how = random.choice(("longer", "shorter", "longer", "hidden"))
    if how == "shorter" and message.body:
        return replace(message, body=message.body[:-1])
    if how == "hidden":
        fields = tuple(each for each in message.fields if each.name.lower() != b"transfer-encoding")
        length = [each for each in fields if each.name.lower() == b"content-length"]
        if length and random.random() < 0.5:
            fields = tuple(
                replace(each, value=str(len(HIDDEN)).encode()) if each in length else each for each in fields
            )
        return replace(message, fields=fields, body=HIDDEN, chunks=(), trailers=(), body_end=b"")
    return replace(message, after=random.choice((b"x", b"\r\n", b"\n", b" ", b"0\r\n\r\n", b"\x00")) + message.after)


def _pipeline(message: Message, random: Random) -> Message:
    """Return `message` with something behind it on the same connection."""
    between = random.choice((b"", b"", b"", b"\r\n", b"\n", b"\r", b" ", b"\x00"))
    following = random.choice((SECOND, SECOND, SECOND.replace(b"1.1\r", b"1.0\r"), SECOND[:-2], b"G"))
    return replace(message, after=message.after + between + following)


def _cut(data: bytes, random: Random) -> bytes:
    """Return the beginning of `data`, as of a client that stops in the middle."""
    return data[: random.randint(1, max(1, len(data) - 1))]


def _byte(data: bytes, random: Random) -> bytes:
    """Return `data` with an odd byte anywhere."""
    lines = data.split(b"\r\n")
    at = random.randrange(len(lines))
    lines[at] = _insert(lines[at], random)
    return b"\r\n".join(lines)


def _line_order(data: bytes, random: Random) -> bytes:
    """Return `data` with one of its lines twice, or with two lines in the other order."""
    lines = data.split(b"\r\n")
    at = random.randrange(len(lines))
    if random.random() < 0.5 or at == 0:
        lines.insert(at, lines[at])
    else:
        lines[at - 1], lines[at] = lines[at], lines[at - 1]
    return b"\r\n".join(lines)


MUTATIONS: dict[str, tuple[int, Mutation]] = {
    "before the request line": (3, _part("before", BEFORE, 0.1)),
    "method": (4, _part("method", METHODS)),
    "separator in the request line": (2, _part("method_gap", GAPS, 0)),
    "separator before the version": (2, _part("version_gap", GAPS, 0)),
    "target": (9, _part("target", TARGETS, 0.2)),
    "version": (5, _part("version", VERSIONS, 0.2)),
    "end of the request line": (2, _part("line_end", LINE_ENDS, 0)),
    "field name": (5, _field_part("name", NAMES, 0.5)),
    "separator in a field line": (5, _field_part("gap", FIELD_GAPS, 0.1)),
    "field value": (5, _field_part("value", VALUES)),
    "end of a field line": (3, _field_part("end", LINE_ENDS, 0)),
    "new field": (6, _new_field),
    "field twice": (4, _duplicate_field),
    "missing field": (1, _remove_field),
    "folded field": (2, _fold),
    "whitespace or another line between fields": (3, _whitespace_line),
    "end of the head": (2, _part("head_end", LINE_ENDS, 0)),
    "Content-Length": (8, _length),
    "Transfer-Encoding": (8, _with_field(b"Transfer-Encoding", CODINGS)),
    "Connection": (3, _with_field(b"Connection", CONNECTIONS)),
    "Host": (5, _with_field(b"Host", HOSTS)),
    "Expect": (2, _with_field(b"Expect", EXPECTATIONS)),
    "chunk size": (9, _chunk_size),
    "chunk extension": (7, _chunk_part("extension", EXTENSIONS)),
    "end of a chunk's size": (3, _chunk_part("size_end", LINE_ENDS, 0)),
    "end of a chunk's data": (4, _chunk_part("data_end", (*LINE_ENDS, b"x\r\n", b"x", b"\r\nx"), 0.1)),
    "number of chunks": (3, _chunk_order),
    "trailer": (5, _trailer),
    "end of the body": (2, _part("body_end", LINE_ENDS, 0)),
    "body": (5, _body),
    "what follows": (4, _pipeline),
}
"""The mutations by the part that they change, each with its weight."""

BYTE_MUTATIONS: dict[str, tuple[int, ByteMutation]] = {
    "a byte": (5, _byte),
    "order of lines": (2, _line_order),
    "cut": (1, _cut),
}
"""The mutations of the bytes of a whole message, which come last. Each has its weight."""
