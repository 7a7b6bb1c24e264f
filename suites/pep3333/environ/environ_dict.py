"""The dictionary itself: what type it and its values are, and how a server names its own variables."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.assertions import assert_equal, assert_that
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT, SHOULD_TEXT, cgi_variable, definition
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import pep3333
from wsgi_gauntlet.suites.pep3333.assertions import assert_served, expect_event_where, get_within, step_outcome
from wsgi_gauntlet.suites.pep3333.environ.variable_names import CGI_VARIABLES, cgi_variables, invalid_names

VARIABLES = "environ Variables"
DETAILS = "Specification Details"

LATIN1 = pep3333(
    "Unicode Issues",
    "Similarly, servers and gateways must not supply strings to an application containing any other Unicode "
    "characters.",
)


@case(
    MUST,
    pep3333(
        DETAILS,
        "This object must be a builtin Python dictionary (not a subclass, UserDict or other dictionary emulation)",
    ),
    basis=MUST_TEXT,
)
async def exact_dict(exchange: Exchange) -> None:
    """environ is a builtin dict and not a subclass of it.

    Sends: A plain request; the app reports type(environ).
    Expects: Exactly dict, not a subclass of it.
    Why: Frameworks copy, pickle and compare environ as the dict that it should be; a substitute fails in one of these,
    deep in somebody else's code.
    """
    event = await exchange.app()
    assert_that(event.detail["exact_dict"], "type(environ) is dict", event.detail["environ_type"])


@case(
    MUST,
    pep3333(DETAILS, "the application is allowed to modify the dictionary in any way it desires"),
    basis=definition(
        "What is allowed in any way that the app desires cannot raise, and cannot spoil this "
        "answer or the environ of the next request."
    ),
)
async def mutable(exchange: Exchange) -> None:
    """The app may empty and change environ; the answer still comes, and the next request's environ is fresh.

    Sends: A request whose app clears environ and puts a key of its own into it, and then another request.
    Expects: The change raises nothing, the first answer comes whole with a 200, and the second request's environ holds
    nothing of the first's.
    Why: Middleware keeps logins and sessions in environ. What is left in it for the next request shows one user's data
    to another.
    """
    response = await get_within(exchange, "/mutate")
    assert_equal(
        (await step_outcome(exchange, "mutate")).kind, "returned", "what environ.clear() and an assignment did"
    )
    assert_served(response)
    await exchange.get("/echo")
    later = await expect_event_where(
        exchange, lambda e: e.kind == "called" and "/echo" in e.detail["path"], "a second call of the app"
    )
    leftover_keys = "gauntlet.mark" in later.detail["types"]
    assert_that(not leftover_keys, "a fresh environ for the next request", "what the first request put into it")


@case(
    MUST,
    pep3333(
        DETAILS, "A server or gateway must invoke the application object using positional (not keyword) arguments."
    ),
    basis=MUST_TEXT,
)
async def positional_call(exchange: Exchange) -> None:
    """The app is called with two positional arguments and no others.

    Sends: A plain request; the app takes any arguments and reports how it got them.
    Expects: Two positional arguments and no named ones.
    Why: An app that calls its parameters env and start, as many do, cannot be called by other names: every page is an
    error.
    """
    detail = (await exchange.app()).detail
    assert_equal(
        (detail["positional"], detail["named"]), (2, []), "the number of positional arguments and names of the others"
    )


@case(
    SHOULD,
    pep3333(
        VARIABLES,
        "Note: missing variables (such as REMOTE_USER when no authentication has occurred) "
        "should be left out of the environ dictionary.",
    ),
    basis=SHOULD_TEXT,
)
async def absent_not_none(exchange: Exchange) -> None:
    """What does not apply is left out of environ and not None.

    Sends: A plain GET, which has neither user nor body; the app reports the type of everything in environ.
    Expects: No variable in upper case is None. It may be left out or be an empty string.
    Why: An app that asks whether REMOTE_USER is in environ takes None for a user who has logged in.
    """
    types = (await exchange.app()).detail["types"]
    assert_equal(
        sorted(name for name in cgi_variables(types) if types[name] == "NoneType"), [], "the variables that are None"
    )


NATIVE_STRINGS = pep3333(
    VARIABLES,
    "It is a violation of this specification for any CGI variable's value to be of any type other than str.",
)


async def _wrong_types(exchange: Exchange) -> dict[str, str]:
    event = await exchange.app("/echo?q=1", method="POST", body=b"x", headers=[("X-Odd", "\xe9")])
    types: dict[str, str] = event.detail["types"]
    # What ought to be left out altogether is absent-not-none's business.
    return {name: types[name] for name in cgi_variables(types) if types[name] not in ("str", "NoneType")}


@case(
    MUST,
    NATIVE_STRINGS,
    basis=definition("A violation of the specification, in its own words: this leaves no other type."),
)
async def native_strings(exchange: Exchange) -> None:
    """Every variable that CGI defines, and every HTTP_* one, is a str, exactly.

    Sends: A POST with a body, a query and a header of latin-1; the app reports the type of everything in environ.
    Expects: Every variable that CGI defines, and every HTTP_* one, is exactly str; one that is None is
    absent-not-none's business.
    Why: A SERVER_PORT that is a number breaks the first app that builds a URL from it, and only on this server.
    """
    wrong = {
        name: kind
        for name, kind in (await _wrong_types(exchange)).items()
        if name in CGI_VARIABLES or name.startswith("HTTP_")
    }
    assert_equal(wrong, {}, "the CGI variables that are no str")


@case(
    SHOULD,
    NATIVE_STRINGS,
    basis=definition(
        "The sentence speaks of the variables of CGI. These are none of them, but spelt as they "
        "are, so an app takes them for the same; hence no must."
    ),
)
async def native_strings_likewise(exchange: Exchange) -> None:
    """Variables that are spelt like CGI's, such as REMOTE_PORT, are str as well.

    Sends: A POST with a body, a query and a header of latin-1; the app reports the type of everything in environ.
    Expects: Every variable in upper case without a dot is exactly str. CGI does not define all of them, but Apache
    passes them beside its own, and an app takes them for such.
    Why: A logging middleware that joins such variables to a line of text raises an error on every request.
    """
    assert_equal(await _wrong_types(exchange), {}, "the variables in upper case that are no str")


@case(MUST, LATIN1, basis=MUST_TEXT)
async def latin1_range(exchange: Exchange) -> None:
    """No variable holds a character beyond U+00FF.

    Sends: A GET whose path, query and header hold the UTF-8 bytes of `é€`, percent-encoded in the first two.
    Expects: No variable with a character beyond U+00FF, those aside that come from the server's own environment.
    Why: A server that decodes as UTF-8 gives the app what it cannot turn back into bytes: pages with accents in their
    address are not found.
    """
    event = await exchange.app("/echo/%C3%A9%E2%82%AC?q=%E2%82%AC", headers=[("X-Odd", "\xc3\xa9\xe2\x82\xac")])
    beyond = event.detail["beyond_latin1"]
    wrong = {name: text for name, text in beyond.items() if name not in event.detail["from_os"]}
    assert_equal(wrong, {}, "the variables with a character beyond U+00FF")


@case(
    MUST,
    LATIN1,
    basis=cgi_variable(
        "The strings hold no character beyond Latin-1, which gives each byte of the path the character of the same "
        "number; others would be another path."
    ),
)
async def path_bytes(exchange: Exchange) -> None:
    """The bytes of the path arrive as the characters of the same number.

    Sends: A GET for `/echo/%C3%A9`, the UTF-8 of `é`.
    Expects: PATH_INFO ends with U+00C3 U+00A9, the bytes as characters of the same number; the app decodes them itself.
    Why: Decoded otherwise, every address with a letter beyond ASCII leads to a "not found", or to the wrong page.
    """
    assert_equal((await exchange.app("/echo/%C3%A9")).detail["environ"].get("PATH_INFO"), "/echo/\xc3\xa9", "PATH_INFO")


@case(
    SHOULD,
    pep3333(
        VARIABLES,
        "These variables should be named using only lower-case letters, numbers, dots, and "
        "underscores, and should be prefixed with a name that is unique to the defining "
        "server or gateway.",
    ),
    basis=SHOULD_TEXT,
)
async def server_keys(exchange: Exchange) -> None:
    """What a server adds to environ for itself is named in lower case, with a prefix of its own.

    Sends: A plain request; the app reports the names of everything in environ.
    Expects: What the server adds is named in lower case, digits, dots and underscores, with a prefix. Left out of
    account: CGI's variables, those that Apache and nginx have long added, and what comes from the process's
    environment. `RAW_URI` looks like a CGI variable, and is one server's own.
    Why: A name that two servers use for two things makes an app do the wrong one where it is moved.
    """
    detail = (await exchange.app()).detail
    assert_equal(
        invalid_names(set(detail["types"]) - set(detail["from_os"])), [], "the server's own variables named otherwise"
    )
