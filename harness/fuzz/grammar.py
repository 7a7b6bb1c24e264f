"""The grammar of requests, copied from the RFCs. Pure.

Left out are forms that would only repeat others: of hosts all but a name, of field values all but one line.
"""

from __future__ import annotations

from wsgi_gauntlet.harness.fuzz.abnf import parse

RFC_5234 = """
ALPHA = %x41-5A / %x61-7A
DIGIT = %x30-39
HEXDIG = DIGIT / "A" / "B" / "C" / "D" / "E" / "F" / "a" / "f"
DQUOTE = %x22
SP = %x20
HTAB = %x09
CRLF = %x0D.0A
VCHAR = %x21-7E
"""
"""Appendix B.1."""

RFC_3986 = """
unreserved = ALPHA / DIGIT / "-" / "." / "_" / "~"
pct-encoded = "%" HEXDIG HEXDIG
sub-delims = "!" / "$" / "&" / "'" / "(" / ")" / "*" / "+" / "," / ";" / "="
pchar = unreserved / pct-encoded / sub-delims / ":" / "@"
segment = *pchar
query = *( pchar / "/" / "?" )
reg-name = *( unreserved / pct-encoded / sub-delims )
port = *DIGIT
"""
"""Appendix A."""

RFC_9110 = """
tchar = "!" / "#" / "$" / "%" / "&" / "'" / "*" / "+" / "-" / "." / "^" / "_" / "`" / "|" / "~" / DIGIT / ALPHA
token = 1*tchar
OWS = *( SP / HTAB )
BWS = OWS
obs-text = %x80-FF
field-vchar = VCHAR / obs-text
field-content = field-vchar [ 1*( SP / HTAB / field-vchar ) field-vchar ]
field-value = *field-content
qdtext = HTAB / SP / %x21 / %x23-5B / %x5D-7E / obs-text
quoted-pair = "\\" ( HTAB / SP / VCHAR / obs-text )
quoted-string = DQUOTE *( qdtext / quoted-pair ) DQUOTE
absolute-path = 1*( "/" segment )
Host = reg-name [ ":" port ]
"""
"""Appendix A."""

RFC_9112 = """
origin-form = absolute-path [ "?" query ]
absolute-form = "http://" 1*( unreserved ) [ ":" 1*2DIGIT ] [ absolute-path ] [ "?" query ]
method = token
chunk-size = 1*HEXDIG
chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )
chunk-ext-name = token
chunk-ext-val = token / quoted-string
field-name = token
"""
"""Appendix A. The absolute form is that of the scheme http alone."""

GRAMMAR = parse(RFC_5234 + RFC_3986 + RFC_9110 + RFC_9112)
