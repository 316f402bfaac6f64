"""HTTPS for phones: a given certificate, or one issued by a local authority made for this instance.

The authority lives in ``<home>/tls`` and can only sign for the names and addresses of this machine's network use: a phone that
installs it trusts this centre.  Its key never leaves the folder; erase the folder to start anew.
"""

import datetime
import ipaddress
import os
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from datasource.addresses import host_names, local_ipv4
from datasource.settings import Settings, SettingsError

_CA_DAYS = 3650
_SERVER_DAYS = 397  # phones refuse server certificates that are valid for longer
_RENEW_BEFORE_DAYS = 30


class Certificates(NamedTuple):
    """Files to serve HTTPS with; ``authority`` is the local CA's certificate, None with a certificate of one's own."""

    certificate: Path
    key: Path
    authority: Path | None


def certificates(settings: Settings) -> Certificates:
    """Return the certificate files, making or renewing local ones where needed; raises SettingsError for a given one that cannot be read."""
    if settings.tls_cert:
        given = Certificates(Path(settings.tls_cert), Path(settings.tls_key), None)
        _check_given(given)
        return given
    folder = settings.home_dir / "tls"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    paths = Certificates(folder / "server.pem", folder / "server.key", folder / "authority.pem")
    authority_key = folder / "authority.key"
    names = subject_names(settings)
    if not (authority_key.exists() and authority_path(settings).exists()):
        _make_authority(authority_path(settings), authority_key)
        paths.certificate.unlink(missing_ok=True)
    if not _still_good(paths.certificate, names):
        _issue(paths, authority_path(settings), authority_key, names)
    return paths


def authority_path(settings: Settings) -> Path:
    """Return where the local authority's certificate is, or would be."""
    return settings.home_dir / "tls" / "authority.pem"


def subject_names(settings: Settings) -> list[str]:
    """List the names and addresses the server certificate is for."""
    public = settings.public_url.split("://")[-1].split("/")[0].rsplit(":", 1)[0] if settings.public_url else ""
    return [n for n in dict.fromkeys([public, *host_names(), *local_ipv4(), "127.0.0.1", "::1"]) if n]


def _make_authority(path: Path, key_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Muster local authority {os.urandom(3).hex()}")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=_CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write_key(key_path, key)
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _issue(paths: Certificates, authority_path: Path, authority_key_path: Path, names: list[str]) -> None:
    authority = x509.load_pem_x509_certificate(authority_path.read_bytes())
    authority_key = serialization.load_pem_private_key(authority_key_path.read_bytes(), None)
    assert isinstance(authority_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Muster")]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=_SERVER_DAYS))
        .add_extension(x509.SubjectAlternativeName([_general_name(n) for n in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    _write_key(paths.key, key)
    pem = serialization.Encoding.PEM
    paths.certificate.write_bytes(certificate.public_bytes(pem) + authority.public_bytes(pem))


def _still_good(path: Path, names: list[str]) -> bool:
    """Say whether the issued certificate is valid for a while yet, and for every present name of this machine."""
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        said = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    left = certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    return left.days >= _RENEW_BEFORE_DAYS and all(_general_name(name) in list(said) for name in names)


def _check_given(given: Certificates) -> None:
    try:
        x509.load_pem_x509_certificate(given.certificate.read_bytes())
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"MUSTER_TLS_CERT={given.certificate}: a readable PEM certificate is expected ({error})"
        ) from None
    try:
        serialization.load_pem_private_key(given.key.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise SettingsError(
            f"MUSTER_TLS_KEY={given.key}: a readable PEM key without a pass phrase is expected ({error})"
        ) from None


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
