"""The environ dictionary: its type, the types of its values, and the names and variables that are added to it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from wsgi_gauntlet.harness.conformance.assertions import assert_equal, assert_that
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT, SHOULD_TEXT, cgi_variable, definition, pep3333
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.model import Setup
from wsgi_gauntlet.suites.pep3333.assertions import assert_served, assert_step_returns, expect_event_where, get_within

VARIABLES = "environ Variables"
DETAILS = "Specification Details"

CGI_VARIABLES = frozenset(
    """AUTH_TYPE CONTENT_LENGTH CONTENT_TYPE GATEWAY_INTERFACE PATH_INFO PATH_TRANSLATED QUERY_STRING REMOTE_ADDR
    REMOTE_HOST REMOTE_IDENT REMOTE_USER REQUEST_METHOD SCRIPT_NAME SERVER_NAME SERVER_PORT SERVER_PROTOCOL
    SERVER_SOFTWARE""".split()  # noqa: SIM905 - a list with one name per line is harder to read
)
"""RFC 3875, section 4.1."""

OTHER_CGI_VARIABLES = frozenset(
    """CONTEXT_DOCUMENT_ROOT CONTEXT_PREFIX DOCUMENT_ROOT DOCUMENT_URI HTTPS REMOTE_PORT REQUEST_SCHEME REQUEST_URI
    SCRIPT_FILENAME SCRIPT_URI SCRIPT_URL SERVER_ADDR SERVER_ADMIN SERVER_SIGNATURE UNIQUE_ID
    """.split()  # noqa: SIM905 - likewise
)
"""Variables that Apache and nginx usually pass to CGI programs. The PEP calls them "other CGI variables"."""

SERVER_DEFINED_NAME = re.compile(r"[a-z0-9_]+\.[a-z0-9._]+")
"""Lower-case letters, digits, dots and underscores, with a prefix."""

DEPLOYED_NAME = "THE_APP_CONFIGURATION"
DEPLOYED_VALUE = "/etc/the_app/settings.ini"

KEY_OF_EARLIER_REQUEST = "gauntlet.mark"
"""The key that the behaviour /mutate adds to environ."""

LATIN1 = pep3333(
    "Unicode Issues",
    "Similarly, servers and gateways must not supply strings to an application containing any other Unicode "
    "characters.",
)


@case(
    SHOULD,
    pep3333(
        "Application Configuration",
        "Servers and gateways should support this by allowing an application's deployer to specify name-value pairs to "
        "be placed in environ.",
    ),
    basis=SHOULD_TEXT,
    setup=Setup(deployed=((DEPLOYED_NAME, DEPLOYED_VALUE),)),
)
async def configurable(exchange: Exchange) -> None:
    """A variable that the deployer sets is in environ with its value.

    Sends: A GET request. The harness starts the server with THE_APP_CONFIGURATION in its process environment. If the
    server has an option for environ variables, the harness uses it too.
    Expects: The variable in environ. It is enough that the server copies all of os.environ. The case is unsupported
    when the harness knows no way to set the variable.
    Why: One app is often deployed several times, each with its own settings, database or tenant.
    """
    plan = exchange.server.plan.upstream or exchange.server.plan
    detail = (await exchange.app()).detail
    found = detail["environ"].get(DEPLOYED_NAME)
    if found is None and DEPLOYED_NAME in detail["from_os"]:
        found = DEPLOYED_VALUE  # the app reports only the name of a variable that os.environ has with the same value
    if found is None and not plan.adapter.environ_support:
        exchange.unsupported(
            f"the server did not copy {DEPLOYED_NAME} from its process environment to environ, and the harness knows "
            f"no other way to set it with {plan.adapter.title}"
        )
    place = plan.adapter.environ_support or "in the environment of its process"
    got = "no such variable" if found is None else repr(found)
    assert_that(
        found == DEPLOYED_VALUE,
        f"{DEPLOYED_NAME} to be {DEPLOYED_VALUE!r} in environ",
        f"{got}; the server got it {place}",
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
    """environ is a builtin dict and not a subclass.

    Sends: A GET request. The app reports type(environ).
    Expects: Exactly dict, and no subclass.
    Why: Frameworks copy, pickle and compare environ as a dict. With another type, one of these fails deep inside their
    code.
    """
    event = await exchange.app()
    assert_that(event.detail["exact_dict"], "type(environ) to be dict", event.detail["environ_type"])


@case(
    MUST,
    pep3333(DETAILS, "the application is allowed to modify the dictionary in any way it desires"),
    basis=definition(
        "The PEP allows the app to change environ in any way. Therefore a change must not raise, and must not affect "
        "this response or the environ of the next request."
    ),
)
async def mutable(exchange: Exchange) -> None:
    """The app may clear and change environ: the response still arrives, and the next request gets a fresh environ.

    Sends: A request whose app clears environ and adds a key, and then another request.
    Expects: The change raises nothing, and the first response is a complete 200. The environ of the second request
    contains nothing from the first.
    Why: Middleware keeps logins and sessions in environ. Data that remains for the next request shows one user the data
    of another.
    """
    response = await get_within(exchange, "/mutate")
    await assert_step_returns(exchange, "mutate", "a change of environ")
    assert_served(response)
    await exchange.get("/echo")
    later = await expect_event_where(
        exchange, lambda e: e.kind == "called" and "/echo" in e.detail["path"], "a second call of the app"
    )
    key_remains = KEY_OF_EARLIER_REQUEST in later.detail["types"]
    assert_that(not key_remains, "a fresh environ for the next request", "an environ with the key of the first request")


@case(
    MUST,
    pep3333(
        DETAILS, "A server or gateway must invoke the application object using positional (not keyword) arguments."
    ),
    basis=MUST_TEXT,
)
async def positional_call(exchange: Exchange) -> None:
    """The server calls the app with two positional arguments and no others.

    Sends: A GET request. The app accepts any arguments and reports how it got them.
    Expects: Two positional arguments and no keyword arguments.
    Why: Many apps name their parameters differently, for example env and start. With keyword arguments every page is an
    error.
    """
    detail = (await exchange.app()).detail
    assert_equal(
        (detail["positional"], detail["named"]),
        (2, []),
        "the number of positional arguments and the names of keyword arguments",
    )


def _cgi_like(names: Iterable[str]) -> list[str]:
    return [name for name in names if "." not in name and name.upper() == name]


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
    """A variable that does not apply is absent from environ and not None.

    Sends: A GET request, which has neither a user nor a body. The app reports the types of all values in environ.
    Expects: No variable with an upper-case name is None. It may be absent or an empty string.
    Why: An app that tests whether REMOTE_USER is in environ takes None for a user who has logged in.
    """
    types = (await exchange.app()).detail["types"]
    none_names = sorted(name for name in _cgi_like(types) if types[name] == "NoneType")
    assert_that(not none_names, "no variable that is None", none_names)


NATIVE_STRINGS = pep3333(
    VARIABLES,
    "It is a violation of this specification for any CGI variable's value to be of any type other than str.",
)


async def _wrong_types(exchange: Exchange) -> dict[str, str]:
    event = await exchange.app("/echo?q=1", method="POST", body=b"x", headers=[("X-Odd", "\xe9")])
    types: dict[str, str] = event.detail["types"]
    # The case absent-not-none checks for None.
    return {name: types[name] for name in _cgi_like(types) if types[name] not in ("str", "NoneType")}


@case(
    MUST,
    NATIVE_STRINGS,
    basis=definition("The PEP itself calls any other type a violation. Therefore only str is possible."),
)
async def native_strings(exchange: Exchange) -> None:
    """Every CGI variable and every HTTP_* variable is exactly a str.

    Sends: A POST with a body, a query and a latin-1 header. The app reports the types of all values in environ.
    Expects: Every variable that CGI defines, and every HTTP_* variable, is exactly a str. The case absent-not-none
    checks for None.
    Why: If SERVER_PORT is a number, the first app that builds a URL from it fails, and only on this server.
    """
    wrong = {
        name: kind
        for name, kind in (await _wrong_types(exchange)).items()
        if name in CGI_VARIABLES or name.startswith("HTTP_")
    }
    assert_that(not wrong, "every CGI variable to be a str", wrong)


@case(
    SHOULD,
    NATIVE_STRINGS,
    basis=definition(
        "The sentence is about CGI variables. These are not CGI variables, but their names look the same, so an app "
        "treats them the same way. Therefore this is not a must."
    ),
)
async def native_strings_likewise(exchange: Exchange) -> None:
    """Variables with CGI-like names, such as REMOTE_PORT, are str too.

    Sends: A POST with a body, a query and a latin-1 header. The app reports the types of all values in environ.
    Expects: Every variable with an upper-case name and no dot is exactly a str. CGI does not define all of them, but
    Apache adds them, and apps treat them alike.
    Why: A logging middleware that joins such variables into a line raises an error on every request.
    """
    wrong = await _wrong_types(exchange)
    assert_that(not wrong, "every variable with an upper-case name to be a str", wrong)


@case(MUST, LATIN1, basis=MUST_TEXT)
async def latin1_range(exchange: Exchange) -> None:
    """No variable contains a character above U+00FF.

    Sends: A GET request whose path, query and header contain the UTF-8 bytes of `é€`. They are percent-encoded in the
    path and the query.
    Expects: No variable contains a character above U+00FF. Variables from the process environment of the server do not
    count.
    Why: If the server decodes as UTF-8, the app cannot restore the bytes. It does not find pages with accents in their
    URL.
    """
    event = await exchange.app("/echo/%C3%A9%E2%82%AC?q=%E2%82%AC", headers=[("X-Odd", "\xc3\xa9\xe2\x82\xac")])
    not_latin1 = event.detail["beyond_latin1"]
    wrong = {name: text for name, text in not_latin1.items() if name not in event.detail["from_os"]}
    assert_that(not wrong, "no variable with a character above U+00FF", wrong)


@case(
    MUST,
    LATIN1,
    basis=cgi_variable(
        "The strings contain only Latin-1 characters. Latin-1 gives each byte of the path the character with the same "
        "number. Other characters would give another path."
    ),
)
async def path_bytes(exchange: Exchange) -> None:
    """Each byte of the path becomes the character with the same number.

    Sends: A GET request for `/echo/%C3%A9`, which is the UTF-8 encoding of `é`.
    Expects: PATH_INFO ends with U+00C3 U+00A9: each byte is the character with the same number. The app decodes them.
    Why: With another decoding, every URL with a non-ASCII letter gives "not found" or the wrong page.
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
    """The server names its own environ variables in lower case, with a prefix.

    Sends: A GET request. The app reports all names in environ.
    Expects: The names consist of lower-case letters, digits, dots and underscores, with a prefix. Three groups do not
    count: CGI variables, variables that Apache and nginx usually add, and the process environment. `RAW_URI` looks like
    a CGI variable, but only one server sets it.
    Why: If two servers use one name for two things, an app that moves to another server does the wrong thing.
    """
    detail = (await exchange.app()).detail
    wrong = _invalid_names(set(detail["types"]) - set(detail["from_os"]))
    assert_that(not wrong, "lower-case names with a prefix for the server's own variables", wrong)


def _invalid_names(names: Iterable[str]) -> list[str]:
    return sorted(
        name
        for name in names
        if name not in CGI_VARIABLES | OTHER_CGI_VARIABLES
        and not name.startswith(("HTTP_", "SSL_"))
        and not SERVER_DEFINED_NAME.fullmatch(name)
    )
