"""Certificates and keys of a control plane, generated once and kept: a restarted one is trusted as before."""

from pathlib import Path

import trustme
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from .private_files import write_private


def kept_ca(folder: Path, name: str) -> trustme.CA:
    """The CA in `folder`/`name`.pem and .key, made the first time."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    if certificate.exists() and key.exists():
        return trustme.CA.from_pem(certificate.read_bytes(), key.read_bytes())
    ca = trustme.CA(organization_name="entrafed lab", organization_unit_name=name)
    write_private(key, ca.private_key_pem.bytes())
    write_private(certificate, ca.cert_pem.bytes())
    return ca


def kept_signing_key(folder: Path) -> tuple[Path, Path]:
    """Private and public key of service-account tokens (PEM files), made the first time: the issuer's identity."""
    private, public = folder / "service-accounts.key", folder / "service-accounts.pub"
    if not (private.exists() and public.exists()):
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        write_private(private, key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
        write_private(public, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return private, public


def issue_server(ca: trustme.CA, folder: Path, name: str) -> tuple[Path, Path]:
    """Certificate chain and key files for a server on loopback."""
    return _written(ca.issue_cert("127.0.0.1", "localhost", "kubernetes.default.svc", common_name=name), folder, name)


def issue_client(ca: trustme.CA, folder: Path, user: str, group: str) -> tuple[Path, Path]:
    """Certificate and key files of a client: Kubernetes reads the user from CN and the group from O.

    The host name is there because Go refuses a critical extension of alternative names that is empty.
    """
    leaf = ca.issue_cert(f"{_file_name(user)}.client.invalid", common_name=user, organization_name=group)
    return _written(leaf, folder, _file_name(user))


def _file_name(user: str) -> str:
    return user.replace(":", "-")


def _written(leaf: trustme.LeafCert, folder: Path, name: str) -> tuple[Path, Path]:
    certificate, key = folder / f"{name}.crt", folder / f"{name}.crt.key"
    write_private(certificate, b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    write_private(key, leaf.private_key_pem.bytes())
    return certificate, key
