"""wsgi.errors: its methods, the text that it accepts, and the log that it writes to."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.assertions import assert_that
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT, SHOULD_TEXT, STREAM_METHODS_RULE, definition, pep3333
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange, query
from wsgi_gauntlet.suites.pep3333.assertions import assert_served, assert_step_returns


@case(
    MUST,
    STREAM_METHODS_RULE,
    basis=MUST_TEXT,
    variants={"write": "write", "writelines": "writelines", "flush": "flush"},
)
async def methods(exchange: Exchange, name: str) -> None:
    """wsgi.errors has working methods write, writelines and flush.

    Sends: A GET request. The app calls each of the three methods.
    Expects: None of the calls raises.
    Why: Logging handlers and warnings use these methods. If one is missing, logging an error causes another error.
    """
    await exchange.get("/errors-methods")
    await assert_step_returns(exchange, name, f"wsgi.errors.{name}()")


@case(
    SHOULD,
    pep3333("environ Variables", "the error stream should accept and log arbitrary unicode without raising an error"),
    basis=SHOULD_TEXT,
)
async def unicode(exchange: Exchange) -> None:
    """wsgi.errors accepts any text without raising.

    Sends: A GET request. The app writes `é`, a snowman and a snake to wsgi.errors. The harness sets the locale of the
    process.
    Expects: The call returns and the client gets the response. The log may replace characters that it cannot write.
    Why: A traceback with the name of a user must not cause a second error that hides the first.
    """
    response = await exchange.get("/errors-unicode")
    await assert_step_returns(exchange, "write", "wsgi.errors.write()")
    assert_served(response)


@case(
    SHOULD,
    pep3333(
        "environ Variables",
        "An output stream (file-like object) to which error output can be written, for the purpose of recording "
        "program or other errors in a standardized and possibly centralized location.",
    ),
    basis=definition(
        "The PEP defines the stream by its purpose: to record errors in one place. The server chooses the place. "
        "Therefore this is not a must."
    ),
)
async def reaches_log(exchange: Exchange) -> None:
    """Text that the app writes to wsgi.errors appears in the log of the server.

    Sends: A GET request. The app writes a line with a unique word to wsgi.errors and flushes it.
    Expects: The word appears in the output of the server within two seconds.
    Why: Otherwise nobody finds the errors that the app reported.
    """
    word = f"errors-{exchange.token}"
    assert_served(await exchange.get("/errors-log" + query(line=word)))
    assert_that(await exchange.log(word), "the line in the output of the server", "it is missing")


@case(
    SHOULD,
    pep3333(
        "environ Variables",
        'This should be a "text mode" stream; i.e., applications should use "\\n" as a line ending, and assume that it '
        "will be converted to the correct line ending by the server/gateway.",
    ),
    basis=SHOULD_TEXT,
)
async def line_ends(exchange: Exchange) -> None:
    """Lines that the app writes to wsgi.errors are lines in the log.

    Sends: A GET request. The app writes two lines, each with a unique word, in one call of write(), and flushes.
    Expects: Each of the two words ends a line of the output of the server. Any prefix is allowed.
    Why: A traceback in a single line is hard to read, and a log search cannot find its lines.
    """
    word = f"line-{exchange.token}"
    assert_served(await exchange.get("/errors-lines" + query(line=word)))
    assert_that(await exchange.log(f"{word}-2"), "the second line in the output of the server", "it is missing")
    lines = [line.rstrip() for line in exchange.log_text().splitlines()]
    for number in (1, 2):
        ended = any(line.endswith(f"{word}-{number}") for line in lines)
        assert_that(ended, f"a line that ends with {word}-{number}", "\n".join(lines)[-300:])
