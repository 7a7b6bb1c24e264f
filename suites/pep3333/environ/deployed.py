"""Variables that the one who deploys an app puts into its environ."""

from __future__ import annotations

from ....harness.attempts.exchange import Exchange
from ....harness.basis import SHOULD_TEXT
from ....harness.catalog import SHOULD, case
from ....harness.expect import that
from ....harness.model import Setup
from ....harness.references import pep3333

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
async def configurable(x: Exchange) -> None:
    """A variable that the deployer specified is in environ, with its value.

    Sends: A plain GET to a server that was started with THE_APP_CONFIGURATION in its process's environment, and told of
    it by the option that it has for environ, where it has one.

    Expects: The variable in environ. Copying all of os.environ is the simplest way of it, in the PEP's own words; a
    script around the app is what the PEP leaves to the deployer of a server that has none.

    Why: One app is deployed in several places, and each has settings, a database or a tenant of its own.
    """
    plan = x.server.plan.upstream or x.server.plan
    detail = (await x.app()).detail
    found = detail["environ"].get(NAME)
    if found is None and NAME in detail["from_os"]:
        found = VALUE  # the app reports a value that os.environ has too by its name alone
    if found is None and not plan.adapter.deployment:
        x.unsupported(
            f"{NAME} was in the environment of the server's process and did not come into environ; "
            f"whether {plan.adapter.title} has another way is not known here"
        )
    tried = plan.adapter.deployment or "in the environment of its process"
    got = "it is not there" if found is None else repr(found)
    that(found == VALUE, f"{NAME} to be {VALUE!r} in environ", f"{got}; it was handed over {tried}")
