"""Certificates of the tests' own, made by the ``openssl`` command."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

_EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_LONG_AGO = ("-startdate", "20200101000000Z", "-enddate", "20200102000000Z")
_AUTHORITY = """
[ca]
default_ca = own
[own]
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
[any]
commonName = supplied
"""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two texts of PEM, self-signed."""

    certificate: str
    key: str

    @property
    def whole(self) -> str:
        return self.certificate + self.key


def made(folder: Path, host: str) -> Pair:
    """Good for a month; in a folder of its own for each."""
    folder.mkdir()
    name = ("-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}")
    _openssl(folder, "req", "-x509", *_EC, "-keyout", "key", "-out", "crt", "-days", "30", *name)
    return Pair((folder / "crt").read_text(), (folder / "key").read_text())


def expired(folder: Path, host: str) -> Pair:
    folder.mkdir()
    for name, text in {"ca.cnf": _AUTHORITY, "index.txt": "", "serial": "01"}.items():
        (folder / name).write_text(text)
    _openssl(folder, "req", "-new", *_EC, "-keyout", "key", "-out", "csr", "-subj", f"/CN={host}")
    how = ("-batch", "-notext", "-selfsign", "-config", "ca.cnf", "-keyfile", "key")
    _openssl(folder, "ca", *how, "-in", "csr", "-out", "crt", *_LONG_AGO)
    return Pair((folder / "crt").read_text(), (folder / "key").read_text())


def encrypted(folder: Path, key: str) -> str:
    """The same private key behind a password."""
    folder.mkdir()
    (folder / "key").write_text(key)
    _openssl(folder, "pkcs8", "-topk8", "-in", "key", "-out", "out", "-passout", "pass:hush")
    return (folder / "out").read_text()


def _openssl(folder: Path, *words: str) -> None:
    ran = subprocess.run(
        ["openssl", *words], cwd=folder, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, f"openssl {' '.join(words)}: {ran.stderr}\nnext: scripts/setup"
