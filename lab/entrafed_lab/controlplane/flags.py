"""Command lines of the three servers: loopback only, TLS everywhere, no promise to survive a power cut."""

from dataclasses import dataclass
from pathlib import Path

CONTROLLERS = ("namespace-controller", "garbage-collector-controller", "serviceaccount-controller")
SERVICE_RANGE = "10.0.0.0/24"  # kube-apiserver wants one; no packet is ever sent there


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Files of a certificate and its key."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Trust:
    """Files of the certificates and keys that the servers use."""

    ca: Path
    server: KeyPair
    etcd_ca: Path
    etcd_server: KeyPair
    etcd_client: KeyPair
    signing_key: Path
    signing_key_public: Path


def etcd(*, port: int, data: Path, trust: Trust) -> list[str]:
    url = f"https://127.0.0.1:{port}"
    return [
        "--name=lab",
        f"--data-dir={data}",
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        "--listen-peer-urls=http://127.0.0.1:0",  # a single member has no peers; 0 lets the kernel choose
        "--initial-advertise-peer-urls=http://127.0.0.1:0",
        "--initial-cluster=lab=http://127.0.0.1:0",
        f"--cert-file={trust.etcd_server.certificate}",
        f"--key-file={trust.etcd_server.key}",
        f"--trusted-ca-file={trust.etcd_ca}",
        "--client-cert-auth",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def kube_apiserver(*, port: int, etcd_port: int, scratch: Path, trust: Trust, issuer: str | None) -> list[str]:
    url = f"https://127.0.0.1:{port}"
    return [
        *([f"--service-account-issuer={issuer}"] if issuer else []),  # the first signs
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={scratch}",
        f"--tls-cert-file={trust.server.certificate}",
        f"--tls-private-key-file={trust.server.key}",
        f"--client-ca-file={trust.ca}",
        f"--etcd-servers=https://127.0.0.1:{etcd_port}",
        f"--etcd-cafile={trust.etcd_ca}",
        f"--etcd-certfile={trust.etcd_client.certificate}",
        f"--etcd-keyfile={trust.etcd_client.key}",
        f"--service-account-issuer={url}",
        f"--service-account-jwks-uri={url}/openid/v1/jwks",
        f"--service-account-key-file={trust.signing_key_public}",
        f"--service-account-signing-key-file={trust.signing_key}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--authorization-mode=RBAC",
        "--endpoint-reconciler-type=none",  # endpoints on loopback are refused, and nothing reads them
        "--profiling=false",
    ]


def kube_controller_manager(*, kubeconfig: Path) -> list[str]:
    return [
        f"--kubeconfig={kubeconfig}",
        f"--controllers={','.join(CONTROLLERS)}",
        "--bind-address=127.0.0.1",
        "--secure-port=0",  # nobody asks it anything
        "--leader-elect=false",
        "--profiling=false",
    ]
