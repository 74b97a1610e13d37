"""Drift of the proxy, of its networks and of its routing map. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from compose_bluegreen.domain.hints import Action, Command, Flag, Hint
from compose_bluegreen.domain.topology import Topology
from compose_bluegreen.inspection.drift import REPAIR, Drift, DriftKind
from compose_bluegreen.inspection.observe import ObservedService
from compose_bluegreen.ports.context import Context
from compose_bluegreen.ports.engine import Container
from compose_bluegreen.ports.proxy import ServingHaproxy

_FORCE = Command(Action.UP, flags=(Flag.FORCE,))

# ── the drift of the whole project ───────────────────────────────────────────────────────────


def of_the_proxy(
    topology: Topology | None,
    proxy: Container | None,
    haproxy: ServingHaproxy | None,
    observed_services: list[ObservedService],
    ctx: Context,
) -> Iterator[Drift]:
    if topology is None:
        yield from _lost(ctx)
        return
    yield from _of_the_container(proxy, haproxy)
    missing = ctx.engine.missing_networks(_networks(observed_services, ctx))
    yield from _missing(missing, topology, ctx)
    if proxy:
        for network in ctx.proxy.networks():
            if network not in missing and network not in proxy.addresses:
                problem = f"{proxy.name} is not attached to the network {network}"
                yield replace(
                    _repairable(DriftKind.PROXY_DISCONNECTED, problem),
                    containers=(proxy.name,),
                    network=network,
                )
    if proxy and proxy.running:
        yield from _edited(ctx)


def _of_the_container(proxy: Container | None, haproxy: ServingHaproxy | None) -> Iterator[Drift]:
    if proxy is None:
        problem = "the proxy's container was removed: requests get no answer"
        yield _repairable(DriftKind.PROXY_GONE, problem)
    elif not proxy.running:
        problem = "the proxy isn't running: requests get no answer"
        yield _repairable(DriftKind.PROXY_STOPPED, problem)
    elif haproxy and haproxy.is_substitute:
        problem = (
            f"HAProxy {haproxy.version} of an earlier image serves, because its successor has ended"
        )
        yield _repairable(DriftKind.PROXY_SUBSTITUTED, problem)


def _lost(ctx: Context) -> Iterator[Drift]:
    names = ", ".join(container.name for container in ctx.colour_containers())
    if names:
        problem = (
            f"the proxy and its volume are gone, but these containers are left: {names};"
            " a down was killed, or a user removed the proxy"
        )
        remedy = Hint(_FORCE, " creates the proxy again, ", Action.DOWN, " removes the rest")
        yield Drift(DriftKind.PROXY_LOST, problem, remedy)


def _networks(observed_services: Iterable[ObservedService], ctx: Context) -> set[str]:
    networks = set(ctx.proxy.networks())
    for observed in observed_services:
        for attachments in observed.places.values():
            networks |= attachments.keys()
    return networks


def _missing(missing: set[str], topology: Topology, ctx: Context) -> Iterator[Drift]:
    """The proxy can create its own networks again; only the compose file describes the user's ones."""
    proxy_networks = set(ctx.proxy.networks()) - topology.networks.keys()
    for name in sorted(missing):
        by_hand = Hint(_FORCE, ", then ", Action.REPAIR)
        yield Drift(
            DriftKind.NETWORK_GONE,
            f"the network {name} was removed",
            REPAIR if name in proxy_networks else by_hand,
            repairable=name in proxy_networks,
            network=name,
        )


def _edited(ctx: Context) -> Iterator[Drift]:
    now = {name: colour for name, colour in ctx.proxy.routes().items() if colour}
    later = {name: colour for name, colour in ctx.proxy.routes_at_rest().items() if colour}
    if now != later:
        changed = sorted(
            name for name in now.keys() | later.keys() if now.get(name) != later.get(name)
        )
        routes = ", ".join(
            f"{name} to {now.get(name) or 'no colour'}, after a restart to {later.get(name) or 'no colour'}"
            for name in changed
        )
        problem = f"the proxy's map file differs from its memory; the proxy routes {routes}"
        yield _repairable(DriftKind.MAP_DIFFERS, problem)


def _repairable(kind: DriftKind, problem: str) -> Drift:
    return Drift(kind, problem, REPAIR, repairable=True)
