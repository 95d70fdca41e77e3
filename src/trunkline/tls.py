"""TLS of a listener: a certificate from files, or a self-signed one that is made on request and kept."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import os
import re
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LIFETIME = datetime.timedelta(days=365)
"""Validity of a self-signed certificate."""
RENEWAL = datetime.timedelta(days=7)
"""Time before its end at which it is replaced."""
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_WILDCARDS = ("0.0.0.0", "::", "")  # noqa: S104 - to recognise them
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class TlsError(ValueError):
    """Problem of a certificate or its key, with the fix."""


@dataclass(frozen=True)
class TlsIdentity:
    """Certificate of a listener, checked, in PEM files.

    Attributes:
        key: the file of the private key; None if the file of the certificate contains it.
        fingerprint: SHA-256 of the certificate, as browsers show it.
    """

    certificate: Path
    key: Path | None
    fingerprint: str


@dataclass(frozen=True)
class TlsOptions:
    """TLS options of a command."""

    certificate: Path | None = None
    key: Path | None = None
    self_signed: bool = False

    def identity(self, host: str) -> TlsIdentity | None:
        """Return the certificate for a listener on `host`, or None without TLS.

        Raises:
            TlsError: the options contradict each other, or a file is not valid.
        """
        if self.self_signed:
            if self.certificate is not None or self.key is not None:
                raise TlsError("--tls-self-signed makes its own certificate. Remove --tls-cert and --tls-key.")
            return self_signed_identity(Path.home() / ".cache" / "trunkline" / "tls", names_for(host))
        if self.certificate is not None:
            return load_identity(self.certificate, self.key)
        if self.key is not None:
            raise TlsError("--tls-key needs the certificate of the key. Add --tls-cert.")
        return None


def load_identity(certificate: Path, key: Path | None = None) -> TlsIdentity:
    """Return the identity in PEM files.

    Raises:
        TlsError: a file cannot be read, is not PEM, is encrypted, or the key belongs to another certificate.
    """
    text = _read(certificate)
    if key is not None:
        _read(key)
    first = _CERTIFICATE.search(text)
    if first is None:
        raise TlsError(f"{certificate} contains no certificate in PEM form. Give the file with BEGIN CERTIFICATE.")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=_refuse_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            message = f"The key in {key or certificate} does not belong to the certificate in {certificate}."
        else:
            message = f"{key or certificate} contains no usable private key in PEM form: {error.reason}."
        raise TlsError(f"{message} Give the key that the certificate was made for with --tls-key.") from None
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(first[0])).hexdigest().upper()
    return TlsIdentity(certificate, key, ":".join(re.findall("..", digest)))


def self_signed_identity(folder: Path, names: Sequence[str]) -> TlsIdentity:
    """Return the self-signed certificate for these names, which `folder` keeps so that clients can trust it.

    Another one is made for other names, and shortly before the end of its validity.

    Args:
        names: host names and IP addresses.

    Raises:
        TlsError: the folder is not writable.
    """
    from trunkline.self_signed_certificate import create_certificate, is_usable  # imports a large package

    path = folder / "self-signed.pem"
    now = datetime.datetime.now(datetime.UTC)
    if not (path.is_file() and is_usable(path.read_bytes(), names, now + RENEWAL)):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _write_privately(path, create_certificate(names, now - datetime.timedelta(hours=1), now + LIFETIME))
        except OSError as error:
            raise TlsError(f"The certificate cannot be written to {path} ({error.strerror}).") from None
    return load_identity(path)


def names_for(host: str) -> list[str]:
    """Return the names of a listener: those of loopback, and the host or, for all addresses, those of this machine."""
    if host not in _WILDCARDS:
        return list(dict.fromkeys((*_LOOPBACK, host)))
    machine = socket.gethostname()
    addresses: list[str] = []
    with contextlib.suppress(OSError):
        addresses = [str(found[4][0]).partition("%")[0] for found in socket.getaddrinfo(machine, None)]
    return list(dict.fromkeys((*_LOOPBACK, machine, *sorted(addresses))))


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise TlsError(f"{path} cannot be read ({error.strerror}). Give a PEM file.") from None
    except UnicodeDecodeError:
        raise TlsError(f"{path} is not a PEM file. Convert it with: openssl x509 -inform der -in {path}") from None


def _refuse_password() -> str:
    raise TlsError("The private key is encrypted. Give a key without a password, in a file that only you can read.")


def _write_privately(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, as a whole."""
    temporary = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    temporary.replace(path)
