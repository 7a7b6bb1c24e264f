"""How the server calls the app: whatever kind of callable it is, and once for each request."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.assertions import assert_equal
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT, definition
from wsgi_gauntlet.harness.conformance.catalog import MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import pep3333
from wsgi_gauntlet.harness.model import Setup
from wsgi_gauntlet.suites.pep3333.assertions import assert_served, get_within

ANY_CALLABLE = pep3333(
    "Specification Overview",
    "Conversely, a server, gateway, or application that is invoking a callable must not have any dependency on what "
    "kind of callable was provided to it.",
)


@case(MUST, ANY_CALLABLE, basis=MUST_TEXT, setup=Setup(environment=(("WSGI_GAUNTLET_CALLABLE", "instance"),)))
async def callable_instance(exchange: Exchange) -> None:
    """An app that is an object with a method __call__ is served like a function.

    Sends: A plain request to a server that was given such an object, which has neither a name nor a signature of its
    own.
    Expects: The app's answer, with status 200.
    Why: Flask's and Django's apps are such objects, and so is every app that is wrapped in a middleware class: on a
    server that looks for a function they do not start.
    """
    assert_served(await exchange.get("/echo"), f"gauntlet {exchange.token}\n".encode())


@case(MUST, ANY_CALLABLE, basis=MUST_TEXT, setup=Setup(environment=(("WSGI_GAUNTLET_CALLABLE", "class"),)))
async def callable_class(exchange: Exchange) -> None:
    """An app that is a class is served like a function: calling it makes the body.

    Sends: A plain request to a server that was given a class, whose instances are iterable, as in the PEP's own
    example.
    Expects: The app's answer, with status 200.
    Why: A server that takes a class for something to be instantiated first calls the app with the wrong arguments, and
    every page of such a site is an error.
    """
    assert_served(await exchange.get("/echo"), f"gauntlet {exchange.token}\n".encode())


@case(
    MUST,
    pep3333(
        "The Server/Gateway Side",
        "The server or gateway invokes the application callable once for each request it receives from an HTTP client, "
        "that is directed at the application.",
    ),
    basis=definition(
        "One call for each request is how the interface is defined. A second call is for a request that nobody sent."
    ),
    variants={"served": "/echo", "failed": "/fail?when=before-start"},
)
async def called_once(exchange: Exchange, target: str) -> None:
    """The app is called once for one request, also where it fails.

    Sends: One GET, to an app that answers or to one that raises.
    Expects: One call of the app, whatever the client gets.
    Why: An order that is tried again behind the user's back is placed, and paid for, twice.
    """
    response = await get_within(exchange, target)
    calls = await exchange.calls()
    if not calls:
        await exchange.fail_app_not_called(response)
    assert_equal(len(calls), 1, "the number of calls of the app")
