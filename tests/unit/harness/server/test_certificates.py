"""The certificate that servers are given: for which names, readable to whom, and trusted by nobody but us."""

from __future__ import annotations

import os
import socket
import ssl
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.server.certificates import (
    HOST_NAMES,
    CertificateFiles,
    identity,
    identity_files,
    write_identity_files,
)


@pytest.fixture
def files(tmp_path: Path) -> CertificateFiles:
    laid = identity_files(tmp_path)
    write_identity_files(laid)
    return laid


def test_only_we_can_read_the_files_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        laid = identity_files(tmp_path)
        write_identity_files(laid)
    finally:
        os.umask(before)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (laid.key, laid.certificate)] == [0o600, 0o600]


def test_a_file_that_somebody_put_there_is_not_written_to(files: CertificateFiles) -> None:
    with pytest.raises(FileExistsError):
        write_identity_files(files)


def test_one_is_made_for_the_whole_process(files: CertificateFiles) -> None:
    assert files.certificate.read_bytes() == identity().certificate
    assert files.key.read_bytes() == identity().key
    assert identity() is identity()


@pytest.mark.parametrize("name", HOST_NAMES)
def test_it_is_good_for_every_name_of_this_machine(files: CertificateFiles, name: str) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files.certificate, files.key)
    client = ssl.create_default_context(cadata=identity().authority.decode())
    near, far = socket.socketpair()
    with near, far:
        serving = threading.Thread(target=lambda: server.wrap_socket(far, server_side=True).close())
        serving.start()
        with client.wrap_socket(near, server_hostname=name) as secured:
            assert secured.version() in ("TLSv1.2", "TLSv1.3")
        serving.join()


def test_what_makes_it_is_loaded_when_it_is_made() -> None:
    program = (
        "import sys, wsgi_gauntlet.harness.cli.main, wsgi_gauntlet.harness.server.instance; sys.exit('trustme' in "
        "sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0
