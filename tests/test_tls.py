"""Certificates of a listener."""

from __future__ import annotations

import datetime
import socket
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from trunkline.self_signed_certificate import create_certificate
from trunkline.tls import TlsError, TlsOptions, load_identity, names_for, self_signed_identity

NAMES = ["localhost", "127.0.0.1"]


def names_of(certificate: Path) -> set[str]:
    parsed = x509.load_pem_x509_certificate(certificate.read_bytes())
    names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in names}


def test_a_self_signed_certificate_is_kept_for_the_clients_that_trust_it(tmp_path: Path) -> None:
    first = self_signed_identity(tmp_path / "tls", NAMES)
    again = self_signed_identity(tmp_path / "tls", ["127.0.0.1"])
    assert names_of(first.certificate) == set(NAMES)
    assert again == first


def test_another_name_gets_another_certificate(tmp_path: Path) -> None:
    first = self_signed_identity(tmp_path, NAMES)
    second = self_signed_identity(tmp_path, [*NAMES, "voice.example"])
    assert second.fingerprint != first.fingerprint
    assert "voice.example" in names_of(second.certificate)


def test_a_certificate_that_ends_soon_is_replaced(tmp_path: Path) -> None:
    now = datetime.datetime.now(datetime.UTC)
    ends = now + datetime.timedelta(days=6)
    (tmp_path / "self-signed.pem").write_bytes(create_certificate(NAMES, now, ends))
    identity = self_signed_identity(tmp_path, NAMES)
    parsed = x509.load_pem_x509_certificate(identity.certificate.read_bytes())
    assert parsed.not_valid_after_utc > now + datetime.timedelta(days=360)


def test_only_the_owner_can_read_the_key(tmp_path: Path) -> None:
    path = self_signed_identity(tmp_path, NAMES).certificate
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_listener_on_all_addresses_has_the_names_of_this_machine() -> None:
    assert names_for("127.0.0.1") == ["localhost", "127.0.0.1", "::1"]
    assert names_for("192.0.2.1") == ["localhost", "127.0.0.1", "::1", "192.0.2.1"]
    assert socket.gethostname() in names_for("0.0.0.0")


def pem_key() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def encrypted_key() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"a password"),
    )


def test_certificate_and_key_may_be_two_files(tmp_path: Path) -> None:
    whole = self_signed_identity(tmp_path, NAMES)
    text = whole.certificate.read_text()
    at = text.index("-----BEGIN PRIVATE KEY-----")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    certificate.write_text(text[:at])
    key.write_text(text[at:])
    assert load_identity(certificate, key).fingerprint == whole.fingerprint


def test_problems_of_the_files_name_the_file_and_the_fix(tmp_path: Path) -> None:
    certificate = self_signed_identity(tmp_path, NAMES).certificate
    (tmp_path / "other.pem").write_bytes(pem_key())
    (tmp_path / "encrypted.pem").write_bytes(encrypted_key())
    (tmp_path / "binary.pem").write_bytes(b"\x30\x82\xff\xfe")
    (tmp_path / "prose.pem").write_text("no certificate")
    problems = [
        (certificate, "other.pem", "other.pem does not belong to the certificate in"),
        (certificate, "encrypted.pem", "The private key is encrypted"),
        (certificate, "prose.pem", "prose.pem contains no usable private key"),
        (certificate, "missing.pem", r"missing.pem cannot be read \(No such file"),
        (tmp_path / "prose.pem", None, "prose.pem contains no certificate in PEM form"),
        (tmp_path / "binary.pem", None, "binary.pem is not a PEM file. Convert it"),
    ]
    for path, key, told in problems:
        with pytest.raises(TlsError, match=told):
            load_identity(path, None if key is None else tmp_path / key)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (TlsOptions(key=Path("key.pem")), "Add --tls-cert"),
        (TlsOptions(certificate=Path("c.pem"), self_signed=True), "Remove --tls-cert"),
    ],
)
def test_options_that_contradict_each_other(options: TlsOptions, told: str) -> None:
    with pytest.raises(TlsError, match=told):
        options.identity("127.0.0.1")


def test_without_options_there_is_no_tls() -> None:
    assert TlsOptions().identity("127.0.0.1") is None
