"""Lets one persona live against an address, and says what ended it and which connections it opened."""

from __future__ import annotations

from dataclasses import dataclass, field

import trio

from wsgi_gauntlet.harness.address import Address
from wsgi_gauntlet.harness.load.clients.drive import Drive
from wsgi_gauntlet.harness.load.clients.personas import Dialling, Persona
from wsgi_gauntlet.harness.load.clients.slowlink import Script, SlowLink


@dataclass
class Life:
    links: list[SlowLink] = field(default_factory=list)
    end: BaseException | None = None


async def lived(persona: Persona, address: Address, patience: float = 30) -> Life:
    """Return the life of `persona`, once it has come to an end."""
    life, over, drive = Life(), trio.Event(), Drive()

    def dial(window: int | None = None) -> Dialling:
        link = SlowLink.dialled(address, window)
        life.links.append(link)
        drive.watch(link)
        yield from link.connected()
        return link

    def script() -> Script:
        try:
            yield from persona.live(dial)
        except Exception as end:  # noqa: BLE001 - any end is what the test asks for
            life.end = end
        finally:
            for link in life.links:
                link.close()
            over.set()

    with trio.fail_after(patience):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(drive.run)
            ride = drive.start(script())
            await over.wait()
            drive.stop(ride)
            nursery.cancel_scope.cancel()
    return life
