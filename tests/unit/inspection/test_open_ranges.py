"""Ranges of addresses that contain the gateway by which visitors over IPv6 come."""

from __future__ import annotations

import pytest

from compose_bluegreen.inspection.open_ranges import open_ranges
from testkit.fakes.site import Site, a_service

GATEWAY = "172.18.0.1"
"""Of the first of the proxy's networks, in the order of their names."""


def a_site(networks: list[str], host_ip: str = "", key: str = "a-key-nobody-guesses") -> Site:
    service = a_service(bluegreen={"preview": {"key": key, "only_from": networks}})
    service["ports"][0] |= {"host_ip": host_ip} if host_ip else {}
    return Site(web=service)


def warnings(site: Site) -> list[str]:
    site.source("v1")
    site.up()
    return [text for text in site.observer.remarks if "gateway" in text]


@pytest.mark.parametrize(
    "networks", [["172.18.0.0/16"], [f"{GATEWAY}/32"], ["10.0.0.0/8", "172.16.0.0/12"]]
)
def test_up_warns_with_file_service_key_and_cure(networks: list[str]) -> None:
    warning = warnings(a_site(networks))[0]
    assert warning.startswith(
        f"warning: compose.yaml: services.web.x-bluegreen.preview.only_from: {networks[-1]} contains"
        f" {GATEWAY}, the gateway of shop-bluegreen_front: "
    )
    assert "publish the port as 0.0.0.0:8000:… or 127.0.0.1:8000:…, or name narrower" in warning


@pytest.mark.parametrize(
    "site",
    [
        a_site(["192.0.2.0/24", "2001:db8::/32"]),
        a_site(["172.16.0.0/12"], host_ip="0.0.0.0"),  # noqa: S104 - IPv4 only
        a_site(["172.16.0.0/12"], host_ip="127.0.0.1"),
        a_site([]),
        Site(web=a_service()),
    ],
    ids=["no gateway", "IPv4 only", "the host only", "no range", "no preview"],
)
def test_no_visitor_over_ipv6_passes_where_none_is_warned_of(site: Site) -> None:
    assert warnings(site) == []


def test_a_dry_run_and_a_site_without_a_proxy_have_nothing_to_warn_of() -> None:
    site = a_site(["172.16.0.0/12"])
    site.source("v1")
    site.up(tell_plan=lambda _: None)
    assert site.observer.remarks == []
    assert open_ranges(None, site.ctx) == []
