"""The default image of the proxy is named after what builds it."""

from __future__ import annotations

import re

from compose_bluegreen.adapters.haproxy import container_spec
from compose_bluegreen.adapters.haproxy.config import instructions_digest as digest
from compose_bluegreen.adapters.haproxy.proxy_image import dockerfile, image
from compose_bluegreen.domain.topology import ProxySettings, Topology


def test_the_default_image_is_that_of_the_dockerfile() -> None:
    assert image(Topology("shop")) == f"compose-bluegreen/haproxy:{digest(dockerfile())[:12]}"


def test_the_user_s_own_image_is_taken_as_it_is() -> None:
    own = Topology("shop", ProxySettings(image="registry.example.com/haproxy:3"))
    assert image(own) == "registry.example.com/haproxy:3"


def test_another_base_image_or_instruction_is_another_image() -> None:
    text = dockerfile()
    assert "ARG BASE=debian:trixie-slim" in text
    others = [
        text.replace("debian:trixie-slim", "debian:forky-slim"),
        text.replace("USER haproxy", "USER root"),
        text + "RUN true\n",
    ]
    assert len({digest(each) for each in (text, *others)}) == 4


def test_a_comment_or_an_empty_line_is_no_other_image() -> None:
    text = dockerfile()
    assert "# Master and worker" in text
    bare = re.sub(r"(?m)^ *#.*\n", "", text)
    assert digest(bare) == digest(f"# another\n\n{text}\n") == digest(text)


def test_the_image_is_no_part_of_the_label_that_asks_for_a_new_container() -> None:
    """A new version with another Dockerfile replaces no container; a user's own image does."""
    own = Topology("shop", ProxySettings(image=image(Topology("shop"))))
    label = container_spec.MADE_FOR
    by_default, named = (
        container_spec.model(each)["services"]["proxy"] for each in (Topology("shop"), own)
    )
    assert by_default["image"] == named["image"]
    assert by_default["labels"][label] == "50a517ce5b858e5c"
    assert named["labels"][label] != by_default["labels"][label]
    assert "build" in by_default
    assert "build" not in named
