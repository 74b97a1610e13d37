"""Certificates in a folder: read whole, or refused by name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from compose_bluegreen.adapters.system.certificates import Certificates, read_certificates
from compose_bluegreen.cli.hint_texts import hint_text
from compose_bluegreen.domain.errors import BadSetting
from testkit.certificates import Pair, encrypted, expired, made

WHERE = "compose.yaml: x-bluegreen.proxy.certificates"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return made(tmp_path_factory.mktemp("app") / "made", "app.example.com")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return made(tmp_path_factory.mktemp("api") / "made", "api.example.com")


@pytest.fixture
def folder(tmp_path: Path, app: Pair) -> Path:
    """With one that is good."""
    certs = tmp_path / "certs"
    certs.mkdir()
    (certs / "app.pem").write_text(app.whole)
    return certs


def read(folder: Path) -> Certificates:
    return read_certificates(folder, WHERE)


def refused(folder: Path) -> BadSetting:
    with pytest.raises(BadSetting) as refusal:
        read(folder)
    assert refusal.value.message.startswith(f"{WHERE}: {folder}")
    assert "PRIVATE" not in refusal.value.message + refusal.value.detail + hint_text(
        refusal.value.hint
    )
    return refusal.value


def test_all_pem_files_of_the_folder_are_read_and_nothing_else(
    folder: Path, app: Pair, api: Pair
) -> None:
    (folder / "api.pem").write_text(api.key + api.certificate)  # in any order
    (folder / "README").write_text("not a certificate")
    assert read(folder).files == {"app.pem": app.whole, "api.pem": api.key + api.certificate}


def test_their_digest_is_that_of_names_and_contents(folder: Path, app: Pair, api: Pair) -> None:
    digests = {read(folder).digest}
    os.utime(folder / "app.pem", (0, 0))
    assert {read(folder).digest} == digests
    (folder / "app.pem").write_text(api.whole)
    digests.add(read(folder).digest)
    (folder / "app.pem").rename(folder / "other.pem")
    digests.add(read(folder).digest)
    (folder / "app.pem").write_text(app.whole)
    digests.add(read(folder).digest)
    assert len(digests) == 4


def test_a_chain_may_follow_the_certificate(folder: Path, app: Pair, api: Pair) -> None:
    (folder / "app.pem").write_text(app.certificate + api.certificate + app.key)
    assert read(folder).digest


def test_private_keys_are_in_no_representation(folder: Path) -> None:
    assert "PRIVATE" not in repr(read(folder))


def test_a_folder_that_is_not_there_or_holds_none_is_refused(tmp_path: Path, folder: Path) -> None:
    assert "No such file" in refused(tmp_path / "nowhere").message
    (folder / "app.pem").rename(folder / "app.crt")
    assert "has no *.pem" in refused(folder).message


def test_one_that_has_expired_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "old.pem").write_text(expired(tmp_path / "old", "old.example.com").whole)
    refusal = refused(folder)
    assert refusal.message.endswith("old.pem: certificate has expired")
    assert f"openssl x509 -in {folder}/old.pem" in hint_text(refusal.hint)


def test_an_encrypted_key_is_refused(folder: Path, tmp_path: Path, app: Pair) -> None:
    (folder / "app.pem").write_text(app.certificate + encrypted(tmp_path / "key", app.key))
    assert "its private key is encrypted" in refused(folder).message


@pytest.mark.parametrize("kind", ["certificate only", "key only", "nothing", "noise"])
def test_half_of_it_is_refused(folder: Path, app: Pair, kind: str) -> None:
    texts = {
        "certificate only": (app.certificate, "there is no private key in it"),
        "key only": (app.key, "there is no certificate in it"),
        "nothing": ("", "there is no certificate in it"),
        "noise": (app.whole.replace("M", "!"), "OpenSSL can't read it"),
    }
    text, said = texts[kind]
    (folder / "app.pem").write_text(text)
    assert said in refused(folder).message


def test_another_ones_key_is_refused(folder: Path, app: Pair, api: Pair) -> None:
    (folder / "app.pem").write_text(app.certificate + api.key)
    assert "its private key belongs to another certificate" in refused(folder).message


def test_what_openssl_cannot_read_is_refused(folder: Path, app: Pair) -> None:
    begin, first, *rest = app.certificate.splitlines()
    broken = "\n".join([begin, first[::-1], *rest, ""])
    (folder / "app.pem").write_text(broken + app.key)
    assert "app.pem: " in refused(folder).message


def test_what_is_no_text_is_refused(folder: Path) -> None:
    (folder / "app.pem").write_bytes(b"\x30\x82\xff\xfe")
    assert "it isn't PEM" in refused(folder).message


@pytest.mark.parametrize("name", ["a b.pem", "-x.pem", "ü.pem", "a;b.pem"])
def test_a_name_that_cannot_be_one_at_the_proxy_is_refused(folder: Path, name: str) -> None:
    (folder / "app.pem").rename(folder / name)
    assert "in its name" in refused(folder).message


def test_a_folder_in_its_place_is_refused(folder: Path) -> None:
    (folder / "more.pem").mkdir()
    assert "more.pem: " in refused(folder).message
