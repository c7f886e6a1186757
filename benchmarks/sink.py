"""The sink: the C server that all clients of the benchmarks send to."""

from __future__ import annotations

import datetime
import ipaddress
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TypeVar

HERE = Path(__file__).resolve().parent
LIBRARIES = ("-lssl", "-lcrypto")

_P = TypeVar("_P", bound="Program")


def build(folder: Path, name: str = "sink", libraries: Sequence[str] = LIBRARIES) -> Path:
    """
    Compile one of the programs here.

    :param folder: where it goes.
    :param name: what its source is called.
    :param libraries: what it is linked with.
    :raises SystemExit: there is no C compiler, or OpenSSL's headers are missing.
    """
    program = folder / name
    command = [
        os.environ.get("CC", "gcc"),
        "-O2",
        "-Wall",
        "-Wextra",
        "-std=gnu11",
        "-o",
        str(program),
        str(HERE / f"{name}.c"),
        *libraries,
    ]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        sys.exit("The benchmarks need a C compiler (gcc, or what CC names).")
    except subprocess.CalledProcessError as error:
        if "openssl/" in error.stderr:
            sys.exit("The benchmarks need OpenSSL's headers (Debian and Ubuntu: libssl-dev).")
        sys.exit(f"{name}.c does not compile:\n{error.stderr}")
    return program


def make_certificate(folder: Path, address: str = "127.0.0.1") -> tuple[Path, Path]:
    """
    A certificate for an address that is its own authority, and its key.

    :param folder: where ``certificate.pem`` and ``key.pem`` go.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "The sink of the benchmarks")])
    now = datetime.datetime.now(datetime.timezone.utc)
    names = x509.SubjectAlternativeName(
        [x509.IPAddress(ipaddress.ip_address(address)), x509.DNSName("localhost")]
    )
    usage = x509.KeyUsage(True, False, False, False, False, True, False, False, False)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    certificate_path, key_path = folder / "certificate.pem", folder / "key.pem"
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_path, key_path


@dataclass(frozen=True)
class Cores:
    """Which core the client runs on and which the sink; the same one where there is only one."""

    client: int
    sink: int

    @classmethod
    def available(cls) -> Cores:
        """The first two cores that this process may use: the second for the client."""
        cores = sorted(os.sched_getaffinity(0))
        return cls(client=cores[min(1, len(cores) - 1)], sink=cores[0])


class Program:
    """
    A program that ends when its standard input does; a context manager.

    :param command: what runs it.
    :param core: the core that it is pinned to.
    :ivar first: the words of the line that it prints when it is ready.
    :ivar last: what it printed after that, once it has ended.
    """

    def __init__(self, command: Sequence[str], core: int) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        os.sched_setaffinity(self._process.pid, {core})
        assert self._process.stdout is not None
        self.first = self._process.stdout.readline().split()
        self.last = ""

    def __enter__(self: _P) -> _P:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it by closing its standard input."""
        self.last, _ = self._process.communicate(timeout=10)


class Sink(Program):
    """
    The running sink; a context manager.

    :param folder: where the program and the certificate are made.
    :param core: the core it is pinned to.
    """

    def __init__(self, folder: Path, core: int) -> None:
        self.certificate, key = make_certificate(folder)
        super().__init__([str(build(folder)), str(self.certificate), str(key)], core)
        plain, secure = self.first
        self.url = f"http://127.0.0.1:{plain}"
        self.secure_url = f"https://127.0.0.1:{secure}"

    def reset(self) -> dict[str, float]:
        """What was counted since the last time; the counters start anew."""
        if self._process.poll() is not None:
            raise SystemExit(f"The sink has ended, with code {self._process.returncode}.")
        with urllib.request.urlopen(self.url + "/reset", timeout=30) as reply:
            counters: dict[str, float] = json.load(reply)
        return counters
