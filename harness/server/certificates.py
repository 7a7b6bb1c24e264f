"""A certificate and key for servers on this machine. Nobody trusts their authority, which ends with this process."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HOST_NAMES = ("127.0.0.1", "::1", "localhost")
"""The names in the certificate; the harness connects to no other address over TLS."""


@dataclass(frozen=True)
class ServerCertificate:
    """The certificate and key of a TLS server, and the `authority` that signed it; all PEM."""

    certificate: bytes
    key: bytes
    authority: bytes


@dataclass(frozen=True)
class CertificateFiles:
    """The files with a server's certificate chain and with its private key, which has no passphrase."""

    certificate: Path
    key: Path


@cache
def identity() -> ServerCertificate:
    """Return the one certificate of this process, made at the first call."""
    import trustme  # importing it takes too long for `--help`

    authority = trustme.CA(organization_name="wsgi-gauntlet")
    issued = authority.issue_cert(*HOST_NAMES)
    chain = b"".join(each.bytes() for each in issued.cert_chain_pems)
    return ServerCertificate(chain, issued.private_key_pem.bytes(), authority.cert_pem.bytes())


def identity_files(folder: Path) -> CertificateFiles:
    """Return the paths that `write_identity_files` uses in `folder`."""
    return CertificateFiles(folder / "certificate.pem", folder / "key.pem")


def write_identity_files(files: CertificateFiles) -> None:
    """Write the files; at no moment can another user read them. Raises OSError."""
    for path, data in ((files.certificate, identity().certificate), (files.key, identity().key)):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
