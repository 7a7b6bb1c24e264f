"""The call of the app: the server accepts every kind of callable and calls it once for each request."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.assertions import assert_equal
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT, definition, pep3333
from wsgi_gauntlet.harness.conformance.catalog import MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.model import Setup
from wsgi_gauntlet.suites.pep3333.assertions import assert_served, get_within

ANY_CALLABLE = pep3333(
    "Specification Overview",
    "Conversely, a server, gateway, or application that is invoking a callable must not have any dependency on what "
    "kind of callable was provided to it.",
)


@case(MUST, ANY_CALLABLE, basis=MUST_TEXT, setup=Setup(environment=(("WSGI_GAUNTLET_CALLABLE", "instance"),)))
async def callable_instance(exchange: Exchange) -> None:
    """The server serves an app that is an object with a __call__ method.

    Sends: A GET request to a server whose app is such an object. The object has no name and no signature of its own.
    Expects: The response of the app, with status 200.
    Why: The apps of Flask and Django are such objects, and so is every app inside a middleware class. They do not start
    on a server that needs a function.
    """
    assert_served(await exchange.get("/echo"), f"gauntlet {exchange.token}\n".encode())


@case(MUST, ANY_CALLABLE, basis=MUST_TEXT, setup=Setup(environment=(("WSGI_GAUNTLET_CALLABLE", "class"),)))
async def callable_class(exchange: Exchange) -> None:
    """The server serves an app that is a class: a call of the class returns the body.

    Sends: A GET request to a server whose app is a class with iterable instances, as in the example of the PEP.
    Expects: The response of the app, with status 200.
    Why: A server that instantiates the class first calls the app with the wrong arguments. Then every page is an error.
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
        "The PEP defines the interface as one call for each request. A second call is for a request that nobody sent."
    ),
    variants={"served": "/echo", "failed": "/fail?when=before-start"},
)
async def called_once(exchange: Exchange, target: str) -> None:
    """The server calls the app once for one request, also when the app fails.

    Sends: One GET request, to an app that responds or to one that raises.
    Expects: One call of the app, whatever response the client gets.
    Why: If the server retries silently, the order of a user is placed and paid twice.
    """
    response = await get_within(exchange, target)
    calls = await exchange.calls()
    if not calls:
        await exchange.fail_app_not_called(response)
    assert_equal(len(calls), 1, "the number of calls of the app")
