"""A certificate and key for servers on this machine, made by an authority that nobody trusts and forgotten with it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HOST_NAMES = ("127.0.0.1", "::1", "localhost")
"""What the certificate is for; no other address is ever spoken to."""


@dataclass(frozen=True)
class ServerCertificate:
    """What a TLS server shows and keeps, and the `authority` that signed it; PEM throughout."""

    certificate: bytes
    key: bytes
    authority: bytes


@dataclass(frozen=True)
class CertificateFiles:
    """Where a server finds its certificate, with the chain, and its private key, which has no passphrase."""

    certificate: Path
    key: Path


@cache
def identity() -> ServerCertificate:
    """Return this process's one identity, made when it is first asked for."""
    import trustme  # loading it takes longer than `--help` may

    authority = trustme.CA(organization_name="wsgi-gauntlet")
    issued = authority.issue_cert(*HOST_NAMES)
    chain = b"".join(each.bytes() for each in issued.cert_chain_pems)
    return ServerCertificate(chain, issued.private_key_pem.bytes(), authority.cert_pem.bytes())


def identity_files(folder: Path) -> CertificateFiles:
    """Return where `write_identity_files` puts the files in `folder`."""
    return CertificateFiles(folder / "certificate.pem", folder / "key.pem")


def write_identity_files(files: CertificateFiles) -> None:
    """Write the files so that only our own user can read them, at no moment anybody else. Raises OSError."""
    for path, data in ((files.certificate, identity().certificate), (files.key, identity().key)):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
