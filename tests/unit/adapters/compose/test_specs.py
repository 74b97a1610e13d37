"""The compose file of one colour, made from a release."""

from __future__ import annotations

from copy import deepcopy

import yaml
from hypothesis import given
from hypothesis import strategies as st

from compose_bluegreen.adapters.compose.labels import colour_labels, labels, read_labels
from compose_bluegreen.adapters.compose.specs import colour_model, one_off_model
from compose_bluegreen.domain.colour import Colour
from compose_bluegreen.domain.names import LINK, companion
from compose_bluegreen.domain.release import Model, Release
from compose_bluegreen.ports.runner import OneOff
from compose_bluegreen.ports.workloads import ColourAddresses, ColourRelease
from testkit.releases import IMAGE, released

SEATS = ColourAddresses("shop-bluegreen_link", ("10.9.0.16", "10.9.0.17"))


def coloured(found: Release, colour: Colour = Colour.BLUE) -> Model:
    return colour_model(ColourRelease(found, colour, 7, SEATS))


def test_each_replica_is_a_service_with_a_name_and_a_seat() -> None:
    model = coloured(released(scale=2), Colour.GREEN)
    assert list(model["services"]) == ["web-green-1", "web-green-2"]
    first, second = model["services"].values()
    assert first["container_name"] == "shop-bluegreen-web-green-1"
    assert first["networks"][LINK] == {"ipv4_address": "10.9.0.16"}
    assert second["networks"][LINK] == {"ipv4_address": "10.9.0.17"}
    assert model["networks"][LINK] == {"name": "shop-bluegreen_link", "external": True}


def test_it_runs_beside_the_users_project_where_up_cannot_reach_it() -> None:
    assert coloured(released())["name"] == companion("shop") == "shop-bluegreen"


def test_the_image_is_named_by_its_id_and_never_pulled() -> None:
    own = coloured(released())["services"]["web-blue-1"]
    assert (own["image"], own["pull_policy"]) == (IMAGE.id, "never")


def test_it_bears_labels_by_which_it_is_found() -> None:
    found = released(labels=["team=shop"])
    own = coloured(found)["services"]["web-blue-1"]
    assert own["labels"] == {"team": "shop"} | labels(found, Colour.BLUE, 7)
    assert colour_labels("shop", "web", Colour.BLUE).items() <= own["labels"].items()
    assert read_labels(own["labels"])["fingerprint"] == found.fingerprint


def test_it_is_told_its_colour() -> None:
    own = coloured(released(environment={"A": "1"}))["services"]["web-blue-1"]
    assert own["environment"] == {"A": "1", "BLUEGREEN_COLOUR": "blue"}


def test_the_users_aliases_stay_with_the_proxy() -> None:
    networks = {"default": {"aliases": ["www"], "priority": 10}}
    own = coloured(released(networks=networks))["services"]["web-blue-1"]
    assert own["networks"]["default"] == {"priority": 10, "aliases": ["web-blue"]}


def test_a_restart_policy_of_the_users_is_kept_and_else_it_comes_back() -> None:
    kept = coloured(released(restart="no"))["services"]["web-blue-1"]
    assert kept["restart"] == "no"
    assert coloured(released())["services"]["web-blue-1"]["restart"] not in ("no", "on-failure")


def test_a_colour_does_not_change_the_release() -> None:
    found = released(labels={"a": "b"}, networks={"default": {"aliases": ["www"]}})
    before = deepcopy(found)
    coloured(found)
    assert found == before


words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12)


@given(st.dictionaries(words.filter(bool), words, max_size=4), words)
def test_whatever_the_environment_holds_survives_being_written_as_yaml(
    environment: dict[str, str], label: str
) -> None:
    model = coloured(released(environment=environment, labels={"x": label}))
    assert yaml.safe_load(yaml.safe_dump(model, sort_keys=False)) == model


def test_a_dollar_in_a_one_off_is_written_as_compose_reads_it() -> None:
    job = OneOff(released(), "shop-hook", ("echo", "$HOME"), {"BLUEGREEN_REASON": "5$"})
    (own,) = one_off_model(job)["services"].values()
    assert own["command"] == ["echo", "$$HOME"]
    assert own["environment"]["BLUEGREEN_REASON"] == "5$$"
