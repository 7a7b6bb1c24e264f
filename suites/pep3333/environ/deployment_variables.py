"""Variables that the one who deploys an app puts into its environ."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.assertions import assert_that
from wsgi_gauntlet.harness.conformance.basis import SHOULD_TEXT
from wsgi_gauntlet.harness.conformance.catalog import SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import pep3333
from wsgi_gauntlet.harness.model import Setup

NAME = "THE_APP_CONFIGURATION"
VALUE = "/etc/the_app/settings.ini"


@case(
    SHOULD,
    pep3333(
        "Application Configuration",
        "Servers and gateways should support this by allowing an application's deployer to specify name-value pairs to "
        "be placed in environ.",
    ),
    basis=SHOULD_TEXT,
    setup=Setup(deployed=((NAME, VALUE),)),
)
async def configurable(exchange: Exchange) -> None:
    """A variable that the deployer specified is in environ, with its value.

    Sends: A plain GET to a server that was started with THE_APP_CONFIGURATION in its process's environment, and told of
    it by the option that it has for environ, where it has one.

    Expects: The variable in environ. Copying all of os.environ is the simplest way of it, in the PEP's own words; a
    script around the app is what the PEP leaves to the deployer of a server that has none.

    Why: One app is deployed in several places, and each has settings, a database or a tenant of its own.
    """
    plan = exchange.server.plan.upstream or exchange.server.plan
    detail = (await exchange.app()).detail
    found = detail["environ"].get(NAME)
    if found is None and NAME in detail["from_os"]:
        found = VALUE  # the app reports a value that os.environ has too by its name alone
    if found is None and not plan.adapter.environ_support:
        exchange.unsupported(
            f"{NAME} was in the environment of the server's process and did not come into environ; "
            f"whether {plan.adapter.title} has another way is not known here"
        )
    tried = plan.adapter.environ_support or "in the environment of its process"
    got = "it is not there" if found is None else repr(found)
    assert_that(found == VALUE, f"{NAME} to be {VALUE!r} in environ", f"{got}; it was handed over {tried}")
