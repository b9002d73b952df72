"""A pinned address changes nothing about TLS: the certificate must be for the backend's name."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ecg_callbacks.body import FileResults
from ecg_callbacks.decision import next_callback
from ecg_callbacks.sender import CallbackSender, Delivered, Outcome
from ecg_callbacks.target import CallbackPolicy
from ecg_callbacks.types import Due, Failure, JobFacts
from ecg_contract.delivery_record import DeliveryRecord
from ecg_contract.stages import Stage
from support.receiver import Receiver


def certificate(folder: Path, name: str) -> Path:
    """Key and self-signed certificate for `name` in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "backend.pem"
    path.write_bytes(private + made.public_bytes(pem))
    return path


async def deliver(pem: Path) -> Outcome:
    """One try to https://backend.example, which resolves to loopback."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    with Receiver(tls=tls) as backend:
        policy = CallbackPolicy(allow=("127.0.0.1",))
        sender = CallbackSender(FileResults(), policy, resolve=lambda host, port: ["127.0.0.1"])
        base = f"https://backend.example:{backend.port}"
        facts = JobFacts("u", "j", base, reached=(Stage.DOWNLOAD,))
        due = next_callback(DeliveryRecord(), facts, datetime.now(UTC))
        assert isinstance(due, Due)
        try:
            return await sender.send(due, facts)
        finally:
            await sender.aclose()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("backend.example", Delivered(200)), ("other.example", Failure("connection failed"))],
)
async def test_the_certificate_must_be_for_the_backends_name(
    name: str, expected: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = certificate(tmp_path, name)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    assert await deliver(pem) == expected


async def test_a_certificate_of_nobody_known_is_refused(tmp_path: Path) -> None:
    assert await deliver(certificate(tmp_path, "backend.example")) == Failure("connection failed")
