"""Certificates from a folder of the user's, checked before anything is changed.

OpenSSL itself says what is wrong with one: each must complete a TLS handshake, in memory, with a
client that trusts only it.
"""

from __future__ import annotations

import hashlib
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from compose_bluegreen.domain.errors import BadSetting

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*\.pem")
"""It becomes a file's name on the proxy's volume."""

_CERTIFICATE = re.compile(
    r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.ASCII | re.DOTALL
)
_KEY = re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----")
_LARGE = 1 << 20
_ROUNDS = 10
"""A handshake in memory takes three."""


@dataclass(frozen=True, slots=True)
class Certificates:
    """``files`` are names and whole contents, private keys among them: never to be shown."""

    digest: str = ""
    files: Mapping[str, str] = field(default_factory=dict, repr=False)


NO_CERTIFICATES = Certificates()


def read_certificates(folder: Path, setting: str) -> Certificates:
    """``setting`` names the key in the compose file, for messages. Raises BadSetting, which names the file."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".pem")
    except OSError as error:
        hint = "name a folder beside the compose file that holds *.pem"
        raise BadSetting(setting, f"{folder} can't be read: {error.strerror}", hint=hint) from error
    if not paths:
        raise BadSetting(
            setting,
            f"{folder} has no *.pem",
            hint="each holds a certificate, those above it, and its private key: cat site.crt"
            f" site.key > {folder}/site.pem",
        )
    files = {path.name: _content(path, setting) for path in paths}
    text = "".join(f"{name}\0{content}\0" for name, content in files.items())
    return Certificates(hashlib.sha256(text.encode()).hexdigest()[:16], files)


def _content(file: Path, setting: str) -> str:
    try:
        return _proven(file)
    except UnicodeDecodeError as error:
        raise BadSetting(setting, f"{file}: it isn't PEM, which is text") from error
    except (_Bad, OSError) as error:
        problem = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        hint = f"openssl x509 -in {file} -noout -subject -dates shows what is in it"
        raise BadSetting(setting, f"{file}: {problem}", hint=hint) from error


def _proven(file: Path) -> str:
    if not _NAME.fullmatch(file.name):
        raise _Bad("letters, numbers, - _ and . only in its name")
    if file.stat().st_size > _LARGE:
        raise _Bad("too large for a certificate")
    text = file.read_text(encoding="utf-8")
    _prove(file, text)
    return text


class _Bad(Exception):
    """What is wrong with a file."""


def _prove(file: Path, text: str) -> None:
    certificate = _CERTIFICATE.search(text)
    if certificate is None:
        raise _Bad("there is no certificate in it")
    if "ENCRYPTED" in text:
        raise _Bad("its private key is encrypted, and the proxy can't ask for the password")
    if not _KEY.search(text):
        raise _Bad("there is no private key in it")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    visitor = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    visitor.check_hostname = False
    visitor.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        server.load_cert_chain(file)
        visitor.load_verify_locations(cadata=certificate[0])
        _shake_hands(server, visitor)
    except ssl.SSLCertVerificationError as error:
        raise _Bad(error.verify_message) from error
    except ssl.SSLError as error:
        raise _Bad(_problem(error)) from error


def _shake_hands(server: ssl.SSLContext, visitor: ssl.SSLContext) -> None:
    to_server, to_visitor = ssl.MemoryBIO(), ssl.MemoryBIO()
    visitor_side = visitor.wrap_bio(to_visitor, to_server)
    server_side = server.wrap_bio(to_server, to_visitor, server_side=True)
    for _ in range(_ROUNDS):
        for side in (visitor_side, server_side):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    if visitor_side.version() is None:
        raise _Bad("no TLS handshake succeeds with it")


def _problem(error: ssl.SSLError) -> str:
    if error.reason in ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED"):
        return "its private key belongs to another certificate"
    return (error.reason or "").lower().replace("_", " ") or "OpenSSL can't read it"
