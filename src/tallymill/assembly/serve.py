"""Runs a project until it is told to stop, and ends it in the right order."""

import asyncio
import gc
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from tallymill.assembly.house import House, build_house
from tallymill.kernel.clock import SystemClock
from tallymill.kernel.service import running
from tallymill.project.model import Project

#: The writer thread asks for the interpreter after each sync; with Python's 5 ms it
#: would wait longer for its turn than for the disk.
SWITCH_INTERVAL_S = 0.0005

log = structlog.get_logger("tallymill.server")


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What `on_ready` is told."""

    addresses: Sequence[tuple[str, int]]  #: host and port of each listening socket
    stop: Callable[[], None]  #: ends the server as SIGTERM does


async def serve(
    project: Project, *, on_ready: Callable[[Served], None] | None = None
) -> None:
    """Serve a project until SIGTERM or SIGINT.

    Then nothing new is accepted, requests in flight are finished, what was accepted is
    folded, within the setting `shutdown_timeout`; the rest is for the next start.

    Args:
        project: A loaded project.
        on_ready: Called once every address answers.

    Raises:
        Conflict: The data folder or an address is in use.
        Unavailable: The data folder cannot be written.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    clock = SystemClock()
    house = build_house(project, clock)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    begun_s = clock.monotonic_s()
    async with running(house.services):
        # What lives from here on lives to the end: no collection needs to look at it.
        gc.freeze()
        log.info(
            "server.ready",
            addresses=[f"{host}:{port}" for host, port in house.server.bound],
            started_in_s=round(clock.monotonic_s() - begun_s, 3),
        )
        if on_ready:
            on_ready(Served(addresses=house.server.bound, stop=stopping.set))
        await stopping.wait()
        await _drain(house)
    log.info("server.stopped")


async def _drain(house: House) -> None:
    """Finish what was accepted, within the time there is."""
    until_s = house.clock.monotonic_s() + house.project.settings.shutdown_timeout_s
    log.info("server.stopping", pending=house.workforce.pending())
    await house.jobs.stop()
    await house.server.stop()
    left_s = max(0.0, until_s - house.clock.monotonic_s())
    left = await house.workforce.drain(left_s)
    if left:
        log.warning("server.stopped_early", left_to_next_start=left)
