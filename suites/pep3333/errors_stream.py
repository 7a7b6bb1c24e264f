"""wsgi.errors: its methods, what text it takes, and that somebody can read it later."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.assertions import assert_equal, assert_that
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT, SHOULD_TEXT, definition
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange, query
from wsgi_gauntlet.harness.conformance.references import pep3333
from wsgi_gauntlet.suites.pep3333.assertions import assert_served, step_outcome


@case(
    MUST,
    pep3333(
        "Input and Error Streams",
        "The methods listed in the table above must be supported by all servers conforming to this specification.",
    ),
    basis=MUST_TEXT,
    variants={"write": "write", "writelines": "writelines", "flush": "flush"},
)
async def methods(exchange: Exchange, name: str) -> None:
    """wsgi.errors has write, writelines and flush, and they work.

    Sends: A plain request; the app calls each of the three methods.
    Expects: None of the calls raises.
    Why: Logging handlers and warnings use them; where one is missing, the attempt to log an error becomes the error.
    """
    await exchange.get("/errors-methods")
    event = await step_outcome(exchange, name)
    assert_equal(event.kind, "returned", f"what wsgi.errors.{name}() did")


@case(
    SHOULD,
    pep3333("environ Variables", "the error stream should accept and log arbitrary unicode without raising an error"),
    basis=SHOULD_TEXT,
)
async def unicode(exchange: Exchange) -> None:
    """wsgi.errors takes any text without raising.

    Sends: A plain request; the app writes `é`, a snowman and a snake to wsgi.errors, in a process whose locale is what
    the harness gave it.
    Expects: The call returns and the answer comes. The log may show substitutes for what it cannot write.
    Why: A traceback that holds a user's name must not become a second error, which hides the first.
    """
    response = await exchange.get("/errors-unicode")
    event = await step_outcome(exchange, "write")
    assert_that(event.kind == "returned", "write() to take the text", event.detail.get("text"))
    assert_served(response)


@case(
    SHOULD,
    pep3333(
        "environ Variables",
        "An output stream (file-like object) to which error output can be written, for the purpose of recording "
        "program or other errors in a standardized and possibly centralized location.",
    ),
    basis=definition(
        "The stream is defined by its purpose: a record of errors in one place. "
        "The server chooses the place; hence no must."
    ),
)
async def reaches_log(exchange: Exchange) -> None:
    """What the app writes to wsgi.errors can be found in the server's log.

    Sends: A plain request; the app writes a line with a word of its own to wsgi.errors and flushes it.
    Expects: The word in the server's output, within two seconds.
    Why: Errors that the app reports are nowhere to be found when somebody asks why the site was broken.
    """
    word = f"errors-{exchange.token}"
    assert_served(await exchange.get("/errors-log" + query(line=word)))
    assert_that(await exchange.log(word), "the line in the server's output", "it is not there")


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

    Sends: A plain request; the app writes two lines, with a word of their own, in one call of write(), and flushes.
    Expects: Each of the two words ends a line of the server's output; what stands before it is the server's affair.
    Why: A traceback that is poured into one line cannot be read, nor found line by line in a log search.
    """
    word = f"line-{exchange.token}"
    assert_served(await exchange.get("/errors-lines" + query(line=word)))
    assert_that(await exchange.log(f"{word}-2"), "the second line in the server's output", "it is not there")
    lines = [line.rstrip() for line in exchange.log_text().splitlines()]
    for number in (1, 2):
        ended = any(line.endswith(f"{word}-{number}") for line in lines)
        assert_that(ended, f"a line that ends with {word}-{number}", "\n".join(lines)[-300:])
