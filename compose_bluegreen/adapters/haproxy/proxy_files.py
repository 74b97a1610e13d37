"""The files on the proxy's volume that follow from a topology, and what they say now."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network

from compose_bluegreen.adapters.haproxy.config import (
    STATE,
    certificates_folder,
    render,
    template_digest,
)
from compose_bluegreen.adapters.haproxy.map_files import (
    PREVIEWS,
    ROUTES,
    parse_previews,
    parse_routes,
    previewed,
    previews_text,
    routes_text,
    unrouted,
)
from compose_bluegreen.adapters.haproxy.proxy_container import ProxyContainer
from compose_bluegreen.adapters.haproxy.proxy_session import ProxySession
from compose_bluegreen.adapters.haproxy.topology_document import TopologyDocument
from compose_bluegreen.adapters.system.certificates import Certificates
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.errors import ProxyFailed
from compose_bluegreen.domain.topology import Topology, TrafficSplit

_CONFIG = "haproxy.cfg"
_TOPOLOGY = "topology.json"


class ProxyFiles:
    def __init__(
        self,
        project: str,
        container: ProxyContainer,
        session: ProxySession,
        certificates: Certificates,
    ) -> None:
        self._project = project
        self._container = container
        self._session = session
        self._certificates = certificates
        self._known: tuple[TopologyDocument, Topology] | None = None

    # ── what they say ────────────────────────────────────────────────────────────────────────

    def stored(self) -> TopologyDocument | None:
        known = self._look_up()
        return known[0] if known else None

    def topology(self) -> Topology | None:
        known = self._look_up()
        return known[1] if known else None

    def forget(self) -> None:
        """Another command may have changed them, or this one did."""
        self._known = None

    def splits(self) -> dict[str, TrafficSplit]:
        return parse_routes(self._read(ROUTES.name) or "")

    def shown(self) -> dict[str, Colour]:
        return parse_previews(self._read(PREVIEWS.name) or "")

    def _look_up(self) -> tuple[TopologyDocument, Topology] | None:
        if self._known is None and (text := self._read(_TOPOLOGY)):
            document = TopologyDocument.parse(text, self._project)
            self._known = document, document.domain()
        return self._known

    def _read(self, file: str) -> str | None:
        if not self._session.runs():
            return self._container.read(file)
        path = f"{STATE}/{file}"
        look = f"[ ! -e {path} ] || {{ echo there; cat {path}; }}"
        output = self._session.ask(lambda shell: shell.run(look))
        return output.removeprefix("there\n") if output else None

    # ── writing ──────────────────────────────────────────────────────────────────────────────

    def write(self, desired: Topology, subnet: IPv4Network) -> None:
        """All of them, where the proxy does not run. A routing map that is there stays."""
        files = self._configuration(desired, subnet) | self._previews(desired)
        if self._container.read(ROUTES.name) is None:
            files[ROUTES.name] = routes_text(unrouted(desired))
        self._container.write(files)
        self._write_referenced(desired)

    def write_checked(self, desired: Topology, subnet: IPv4Network) -> None:
        """Only a configuration that HAProxy accepts replaces the present configuration."""
        configuration = self._configuration(desired, subnet)
        self._write_referenced(desired)
        new = {f"{name}.new": text for name, text in configuration.items()}
        self._container.write(new | self._previews(desired))
        before = self.topology() or desired
        self._remove_certificates(
            {topology.settings.certificates for topology in (before, desired)}
        )
        shell = self._session.shell()
        if not shell.test(f"haproxy -c -q -f {STATE}/{_CONFIG}.new >{STATE}/check.log"):
            raise ProxyFailed(
                "HAProxy doesn't accept the configuration",
                detail=shell.run(f"haproxy -c -f {STATE}/{_CONFIG}.new || true").strip(),
                hint="look at proxy.snippets in the compose file; nothing was changed",
            )
        splits = unrouted(desired) | parse_routes(ROUTES.read(shell))
        ROUTES.write(shell, routes_text(splits))
        shell.run(
            f"cd {STATE} && for f in {_CONFIG} {_TOPOLOGY}; do"
            " cp -p $f $f.old && sync $f.new && mv $f.new $f; done && sync ."
        )

    def restore(self) -> None:
        """The configuration from before ``write_checked``."""
        self._session.shell().run(
            f"cd {STATE} && mv {_CONFIG}.old {_CONFIG} && mv {_TOPOLOGY}.old {_TOPOLOGY}"
        )

    def _configuration(self, desired: Topology, subnet: IPv4Network) -> dict[str, str]:
        return {_CONFIG: render(desired, subnet), _TOPOLOGY: document(desired).text()}

    def _previews(self, desired: Topology) -> dict[str, str]:
        """HAProxy does not start without this map. Previews that are possible before and after are
        kept."""
        if not previewed(desired):
            return {}
        services = previewed(desired) & previewed(self.topology())
        kept = self.shown() if services else {}
        return {PREVIEWS.name: previews_text({name: kept[name] for name in services & kept.keys()})}

    def _write_referenced(self, desired: Topology) -> None:
        """The files that the configuration refers to. Those of the present one stay."""
        self._container.write_hosts(desired)
        digest = desired.settings.certificates
        if digest and digest == self._certificates.digest:
            self._container.write_folder(certificates_folder(digest), self._certificates.files)

    def _remove_certificates(self, kept: Iterable[str]) -> None:
        """Old private keys: every folder but those of these digests."""
        names = "|".join(certificates_folder(digest) for digest in kept if digest) or "none"
        self._session.shell().run(
            f"cd {STATE} && for folder in {certificates_folder('')}*; do"
            f' case "$folder" in {names}) ;; *) rm -rf "$folder" ;; esac; done'
        )


def document(topology: Topology) -> TopologyDocument:
    return TopologyDocument.of(topology, template_digest())
