"""Where the API server is and who we are to it, from a pod's own service account or from a kubeconfig."""

import os
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config.config_exception import ConfigException
from kubernetes.aio.config.incluster_config import load_incluster_config
from kubernetes.aio.config.kube_config import load_kube_config

TOKEN_LIFE = 30.0
"""Seconds for which a token that was read is used; the kubelet writes a new one minutes before the old one ends."""

UNVERIFIED = (
    "insecure-skip-tls-verify is not supported: whoever answers would be given the operator's token, and decide whom "
    "it lets in; name the server's authority in certificate-authority-data and, if need be, its name in tls-server-name"
)

_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._:-]*[A-Za-z0-9])?")

USER_AGENT = f"entrafed/{version('entrafed')}"


class NoAccess(Exception):
    """There is no usable configuration. The message is one line for the person who starts the process."""


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """Kubeconfig files, separated as in `KUBECONFIG`; the first of two equal entries counts."""

    paths: str


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """The files and variables that Kubernetes gives to every pod."""


Source = Kubeconfig | ServiceAccount


def source_of(kubeconfig: Path | None, environ: Mapping[str, str]) -> Source:
    """Choose as kubectl does: what is named, `KUBECONFIG`, the pod's own account, `~/.kube/config`."""
    if kubeconfig is not None:
        return Kubeconfig(str(kubeconfig))
    if environ.get("KUBECONFIG"):
        return Kubeconfig(environ["KUBECONFIG"])
    if environ.get("KUBERNETES_SERVICE_HOST"):
        return ServiceAccount()
    return Kubeconfig(str(Path.home() / ".kube" / "config"))


async def read_configuration(source: Source) -> Configuration:
    """Read the configuration anew. Raises `NoAccess` when it is absent, unreadable, or asks for what is not there."""
    configuration = Configuration()
    try:
        match source:
            case ServiceAccount():
                load_incluster_config(configuration, try_refresh_token=False)  # type: ignore[no-untyped-call] # theirs
            case Kubeconfig(paths):
                _require_a_file(paths)
                await load_kube_config(  # type: ignore[no-untyped-call] # theirs
                    paths, client_configuration=configuration, persist_config=False
                )
    except (ConfigException, OSError, yaml.YAMLError, TypeError, AttributeError, ValueError) as error:
        raise NoAccess(f"cannot use {_spoken(source)}: {_first_line(error)}") from error
    if not configuration.verify_ssl:
        raise NoAccess(f"cannot use {_spoken(source)}: {UNVERIFIED}")
    name: object = configuration.tls_server_name
    if name is not None and not (isinstance(name, str) and _HOST_NAME.fullmatch(name)):
        raise NoAccess(f"cannot use {_spoken(source)}: tls-server-name must be a host name, like kubernetes.default")
    return configuration


def _require_a_file(paths: str) -> None:
    if not any(Path(path).expanduser().is_file() for path in paths.split(os.pathsep) if path):
        raise NoAccess(f"kubeconfig {paths} does not exist; name one with --kubeconfig")


def _spoken(source: Source) -> str:
    return f"kubeconfig {source.paths}" if isinstance(source, Kubeconfig) else "the pod's service account"


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__


class Access:
    """The way to the API server: address, TLS and a token that is read again before it ends.

    `monotonic` is a clock in seconds.
    """

    def __init__(self, source: Source, configuration: Configuration, monotonic: Callable[[], float]) -> None:
        self._source = source
        self._configuration = configuration
        self._monotonic = monotonic
        self._read_at = monotonic()

    @classmethod
    async def open(cls, source: Source, monotonic: Callable[[], float]) -> "Access":
        """Read the configuration for the first time; raises `NoAccess`."""
        return cls(source, await read_configuration(source), monotonic)

    @property
    def server(self) -> str:
        """The API server's address, without a slash at its end."""
        return str(self._configuration.host)

    def client(self, *, connections: int) -> ApiClient:
        """A new client, owned by the caller; at most `connections` are open at once."""
        configuration = Configuration(host=self.server, ssl_ca_cert=self._configuration.ssl_ca_cert)
        configuration.cert_file = self._configuration.cert_file
        configuration.key_file = self._configuration.key_file
        configuration.proxy = self._configuration.proxy
        configuration.connection_pool_maxsize = connections
        configuration.client_session_kwargs = self._session_options()
        client = ApiClient(configuration)
        client.user_agent = USER_AGENT
        return client

    def session(self, *, connections: int) -> aiohttp.ClientSession:
        """A new session, owned by the caller; at most `connections` are open at once."""
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._tls(), limit=connections),
            headers={"User-Agent": USER_AGENT},
            proxy=self._configuration.proxy,
            read_bufsize=2**21,  # bytes; one watch event is one line, and longer than the default of 64 KiB
            **self._session_options(),
        )

    def _session_options(self) -> dict[str, Any]:
        """The API server is never reached through the proxy that the environment names: that one is for Azure."""
        return {"trust_env": False, "middlewares": (self.name_server, self.authorize)}

    def _tls(self) -> ssl.SSLContext:
        configured = self._configuration
        context = ssl.create_default_context(cafile=configured.ssl_ca_cert)
        if configured.cert_file:
            context.load_cert_chain(configured.cert_file, configured.key_file)
        return context

    async def name_server(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """Expect the certificate to be for the name that the configuration tells, if it tells one."""
        request.server_hostname = self._configuration.tls_server_name
        return await handler(request)

    async def authorize(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """Send a request with the present token, and once more when another has taken its place meanwhile."""
        await self._read_again(older_than=TOKEN_LIFE)
        sent = self._put_token(request)
        response = await handler(request)
        if response.status == 401:
            await self._read_again(older_than=0.0)
            if self._token() != sent:
                response.release()
                self._put_token(request)
                return await handler(request)
        return response

    def _put_token(self, request: ClientRequest) -> str | None:
        token = self._token()
        if token is not None:
            request.headers["Authorization"] = token
        return token

    def _token(self) -> str | None:
        keys: dict[str, Any] = self._configuration.api_key
        token = keys.get("BearerToken")
        return None if token is None else token.strip()  # a file ends with a newline, a header must not

    async def _read_again(self, *, older_than: float) -> None:
        if self._monotonic() - self._read_at < older_than:
            return
        self._read_at = self._monotonic()
        try:
            self._configuration = await read_configuration(self._source)
        except NoAccess:
            return  # the file is being replaced: the old token serves until it is refused
