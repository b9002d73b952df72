"""Credentials of a control plane: certificates, keys, the administrator's token."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from ecg_dev.control_plane.api_access import ADMIN_TOKEN
from ecg_dev.control_plane.arguments import SERVICE_NETWORK

_DAY = timedelta(days=1)
_FIRST_SERVICE = str(ip_network(SERVICE_NETWORK)[1])
"""The API server's own Service address."""


def write_credentials(folder: Path, address: str) -> None:
    """Writes the authority `ca.crt`; `server.crt` and `server.key`, for the API server at `address` and as its client
    certificate towards kubelets; `accounts.key`, which signs service account tokens; the static tokens `tokens.csv`."""
    (folder / "tokens.csv").write_text(f'{ADMIN_TOKEN},admin,admin,"system:masters"\n')
    authority, server = _key(), _key()
    issuer = _name("control plane of the tests")
    root = _builder(issuer, issuer, authority).add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
    addresses = [x509.IPAddress(ip_address(a)) for a in {"127.0.0.1", address, _FIRST_SERVICE}]
    names = [*addresses, x509.DNSName("localhost"), x509.DNSName("kubernetes.default.svc")]
    leaf = _builder(_name("kube-apiserver"), issuer, server).add_extension(x509.SubjectAlternativeName(names), False)
    for name, builder in (("ca.crt", root), ("server.crt", leaf)):
        certificate = builder.sign(authority, hashes.SHA256())
        (folder / name).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    for name, key in (("server.key", server), ("accounts.key", _key())):
        (folder / name).write_bytes(_pem(key))


def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: x509.Name, issuer: x509.Name, key: rsa.RSAPrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - _DAY).not_valid_after(now + 30 * _DAY)
