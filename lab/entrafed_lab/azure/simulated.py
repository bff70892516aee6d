"""`SimulatedAzure`: all services of one world, each on a port of 127.0.0.1."""

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import trustme

from entrafed_lab.azure.admin import Admin, Listening
from entrafed_lab.azure.app_service import AppService
from entrafed_lab.azure.arm import Arm
from entrafed_lab.azure.assertions import AssertionCheck
from entrafed_lab.azure.clouds import issuer_of_tenant
from entrafed_lab.azure.description import described, environment
from entrafed_lab.azure.entra import Entra
from entrafed_lab.azure.exchange import Answer, Call, Service, ServiceName
from entrafed_lab.azure.faults import Faults
from entrafed_lab.azure.graph import Graph
from entrafed_lab.azure.imds import InstanceMetadata
from entrafed_lab.azure.issuers import IssuerKeys
from entrafed_lab.azure.keys import KeyRing, external_token
from entrafed_lab.azure.listener import LOOPBACK, Listener
from entrafed_lab.azure.planting import planted
from entrafed_lab.azure.reception import Reception
from entrafed_lab.azure.request_log import RequestLog
from entrafed_lab.azure.seed import Seed, default_seed
from entrafed_lab.azure.storage import Storage
from entrafed_lab.azure.throttling import Throttle
from entrafed_lab.azure.timing import Clock, Delays, Rates
from entrafed_lab.azure.tokens import ACCESS_TOKEN_LIFETIME, Tokens
from entrafed_lab.azure.variants import Variants

PLAIN = frozenset({ServiceName.IMDS, ServiceName.APP_SERVICE, ServiceName.ADMIN})
"""Without TLS: those of hosts have none in Azure either, where they are link-local or in the same container."""


class SimulatedAzure:
    """`async with SimulatedAzure() as azure:` - serving inside, in the running event loop.

    `directory` holds the CA's certificate, and the ports for the next start; without it a temporary one is used.
    `trusted_issuer_cas` are files: what the token endpoint trusts besides the system's roots when it reads the keys of
    an external issuer. `keys` may be shared between several, since making a key takes a tenth of a second.
    `token_lifetime` is in seconds: beside a `clock` that hurries, the SDK, which judges by the machine's, would take a
    token of ordinary length for an old one.
    """

    def __init__(
        self,
        *,
        seed: Seed | None = None,
        ca: trustme.CA | None = None,
        directory: Path | None = None,
        trusted_issuer_cas: Sequence[Path] = (),
        delays: Delays | None = None,
        rates: Rates | None = None,
        variants: Variants | None = None,
        random_seed: int = 0,
        clock: Clock = time.time,
        keys: KeyRing | None = None,
        token_lifetime: int = ACCESS_TOKEN_LIFETIME,
    ) -> None:
        self.faults = Faults()
        self.log = RequestLog(clock)
        self.keys = keys or KeyRing()
        self.variants = variants or Variants()
        self._clock = clock
        self._rates = rates or Rates()
        self._ca = ca
        self._directory = directory
        self._trusted_issuer_cas = trusted_issuer_cas
        self._listeners: dict[ServiceName, Listener] = {}
        self._receptions: dict[ServiceName, Reception] = {}
        self._stack = AsyncExitStack()
        chance = Random(random_seed)  # noqa: S311 - repeatable on purpose
        effective = (delays or Delays()).effective()
        self.world = planted(seed or default_seed(), clock=clock, delays=effective, random=chance)
        self.tokens = Tokens(
            world=self.world, keys=self.keys, clock=clock, variants=self.variants, lifetime=token_lifetime
        )

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.faults.clear()  # what hangs because of one would hold the end
        await self._stack.aclose()

    @property
    def ca_file(self) -> Path:
        """Certificate of the CA that all services are to be trusted by."""
        return self._folder / "ca.pem"

    def url(self, service: ServiceName) -> str:
        """Address of a service, without a slash at the end. It stays the same while the service is stopped."""
        return self._listeners[service].url

    async def stop(self, service: ServiceName) -> None:
        """Refuse connections to a service, as if its machine were down."""
        await self._listeners[service].refuse()

    async def resume(self, service: ServiceName) -> None:
        """Accept connections to a stopped service again, under the same address."""
        await self._listeners[service].open()

    def issue(
        self,
        *,
        issuer: str,
        subject: str,
        audience: str = "api://AzureADTokenExchange",
        claims: Mapping[str, object] | None = None,
        lifetime: float = 600.0,
    ) -> str:
        """A token signed as `issuer` does, be it a tenant or one of `Seed.issuers`; `lifetime` in seconds."""
        return external_token(
            self.keys.key(issuer_of_tenant(issuer) or issuer),
            issuer=issuer,
            subject=subject,
            audience=audience,
            claims=claims,
            lifetime=lifetime,
            now=self._clock(),
        )

    def describe(self) -> dict[str, Any]:
        """Endpoints, tenants and seeded objects: the content of azure.json."""
        return described(self.world, self._urls())

    def environment(self) -> dict[str, str]:
        """Environment variables for users of the SDKs."""
        return environment(self.world, self._urls())

    def _urls(self) -> dict[ServiceName, str]:
        return {name: listener.url for name, listener in self._listeners.items()}

    async def _start(self) -> None:
        self._folder = self._directory or Path(self._stack.enter_context(TemporaryDirectory()))
        authority = self._ca or trustme.CA(organization_name="entrafed lab", organization_unit_name="azure-ca")
        authority.cert_pem.write_to_path(self.ca_file)
        tls = SSLContext(PROTOCOL_TLS_SERVER)
        authority.issue_cert(LOOPBACK, "localhost").configure_cert(tls)
        ports = self._kept_ports()
        for name in ServiceName:
            answering = self._admin().answer if name is ServiceName.ADMIN else self._receive
            listener = Listener(name, answering, port=ports.get(name, 0), tls=None if name in PLAIN else tls)
            self._listeners[name] = listener
            self._stack.push_async_callback(listener.close)
        self._receptions = {
            service.name: Reception(service, faults=self.faults, log=self.log, tokens=self.tokens)
            for service in self._services()
        }
        for listener in self._listeners.values():
            await listener.open()
        if self._directory is not None:
            self._ports_file.write_text(json.dumps({name: item.port for name, item in self._listeners.items()}))

    def _services(self) -> list[Service]:
        world, tokens, clock, variants = self.world, self.tokens, self._clock, self.variants
        issuers = IssuerKeys(world=world, keys=self.keys, clock=clock, trusted_cas=self._trusted_issuer_cas)
        self._stack.push_async_callback(issuers.close)
        login, graph, arm = (self.url(name) for name in (ServiceName.LOGIN, ServiceName.GRAPH, ServiceName.ARM))
        check = AssertionCheck(issuers=issuers, clock=clock, variants=variants)
        return [
            Entra(world=world, tokens=tokens, keys=self.keys, check=check, clock=clock, url=login),
            Graph(world=world, variants=variants, throttle=self._throttle(), url=graph, dispatch=self._dispatch),
            Arm(world=world, variants=variants, throttle=self._throttle(), url=arm),
            Storage(world=world),
            InstanceMetadata(world=world, tokens=tokens, variants=variants, throttle=self._throttle(), clock=clock),
            AppService(world=world, tokens=tokens),
        ]

    def _admin(self) -> Admin:
        return Admin(world=self.world, faults=self.faults, log=self.log, listen=self._set_listening, issue=self.issue)

    def _throttle(self) -> Throttle:
        return Throttle(rates=self._rates, clock=self._clock)

    async def _set_listening(self, service: ServiceName, wanted: Listening) -> None:
        await (self.resume if wanted is Listening.RUNNING else self.stop)(service)

    async def _receive(self, call: Call) -> Answer:
        return await self._receptions[call.service].receive(call)

    async def _dispatch(self, call: Call) -> Answer:
        return await self._receptions[call.service].dispatch(call)

    @property
    def _ports_file(self) -> Path:
        return self._folder / "ports.json"

    def _kept_ports(self) -> dict[str, int]:
        if not self._ports_file.exists():
            return {}
        kept: dict[str, int] = json.loads(self._ports_file.read_text())
        return kept
