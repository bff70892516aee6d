"""The simulated Microsoft Entra: token endpoint, OIDC discovery and keys of every tenant."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote

from entrafed_lab.azure.assertions import Assertion, AssertionCheck, read_assertion
from entrafed_lab.azure.entra_errors import Denied, denial, token_error
from entrafed_lab.azure.exchange import Answer, Call, ServiceName, json_answer
from entrafed_lab.azure.keys import KeyRing
from entrafed_lab.azure.objects import Application, Identity, ServicePrincipal, Tenant
from entrafed_lab.azure.timing import Clock
from entrafed_lab.azure.tokens import RESOURCES, Tokens
from entrafed_lab.azure.world import World

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
MISSES = frozenset({70021, 70025, 700211, 700212, 700213, 7002131, 7002138})
"""Codes that a node remembers for a while: it looked, and found nothing."""


class Entra:
    """What answers under https://login.microsoftonline.com."""

    name = ServiceName.LOGIN

    def __init__(
        self, *, world: World, tokens: Tokens, keys: KeyRing, check: AssertionCheck, clock: Clock, url: str
    ) -> None:
        self._world = world
        self._tokens = tokens
        self._keys = keys
        self._check = check
        self._clock = clock
        self._url = url
        self._misses: dict[tuple[str, str, str, tuple[str, ...]], tuple[float, Denied]] = {}

    async def answer(self, call: Call) -> Answer:
        tenant_name, _, rest = unquote(call.path).lstrip("/").partition("/")
        try:
            tenant = self._tenant(tenant_name)
            match call.method, rest:
                case "POST", "oauth2/v2.0/token":
                    return await self._token(tenant, dict(parse_qsl(call.body.decode(errors="replace"))))
                case "GET", "v2.0/.well-known/openid-configuration" | ".well-known/openid-configuration":
                    return json_answer(200, self._discovery(tenant))
                case "GET", "discovery/v2.0/keys" | "discovery/keys":
                    return json_answer(200, {"keys": [self._keys.key(tenant.id).jwk()]})
            return self.error(404, "not_found", f"There is nothing at {call.path}.")
        except Denied as denied:
            return denial(denied)

    def error(self, status: int, code: str, message: str) -> Answer:
        digits = code.removeprefix("AADSTS")
        if digits.isdigit():
            return token_error(status, "invalid_client", f"AADSTS{digits}: {message}", (int(digits),))
        return token_error(status, code, message, ())

    def _tenant(self, name: str) -> Tenant:
        tenant = self._world.tenant(name)
        if tenant is None:
            raise Denied(90002, what=name)
        return tenant

    def _discovery(self, tenant: Tenant) -> dict[str, object]:
        base = f"{self._url}/{tenant.id}"
        return {
            "issuer": tenant.issuer,
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "response_types_supported": ["code", "id_token"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        }

    async def _token(self, tenant: Tenant, form: Mapping[str, str]) -> Answer:
        if (grant := _field(form, "grant_type")) != "client_credentials":
            raise Denied(70003, what=grant)
        client_id = _field(form, "client_id").lower()
        resource = _resource(_field(form, "scope"))
        client, principal = self._client(client_id, tenant)
        federated = "client_assertion" in form
        if federated:
            if form.get("client_assertion_type") != ASSERTION_TYPE:
                raise Denied(90013)
            await self._check_assertion(client, read_assertion(form["client_assertion"]))
        else:
            self._check_secret(client, form)
        identity = client if isinstance(client, Identity) else None
        issued = self._tokens.for_application(principal, resource=resource, federated=federated, identity=identity)
        lifetime = issued.expires_on - issued.not_before
        return json_answer(
            200,
            {
                "token_type": "Bearer",
                "expires_in": lifetime,
                "ext_expires_in": lifetime,
                "access_token": issued.token,
            },
            {"Cache-Control": "no-store, no-cache"},
        )

    def _client(self, client_id: str, tenant: Tenant) -> tuple[Application | Identity, ServicePrincipal]:
        """The client and its service principal in this tenant."""
        client = self._find(client_id)
        known_here = isinstance(client, Application) and client.multi_tenant
        if client is None or (client.tenant_id != tenant.id and not known_here):
            raise Denied(700016, client=client_id, tenant=tenant.name)
        if self._world.tenants[client.tenant_id].cloud is not tenant.cloud:
            raise Denied(900382)
        principal = self._world.service_principal(tenant.id, client_id)
        if principal is None or principal.created > self._world.replicas.token_endpoint():
            raise Denied(7000229, client=client_id, tenant=tenant.id)
        return client, principal

    def _find(self, client_id: str) -> Application | Identity | None:
        for application in self._world.applications.values():
            if application.app_id == client_id:
                return application
        return next((item for item in self._world.identities.values() if item.client_id == client_id), None)

    async def _check_assertion(self, client: Application | Identity, assertion: Assertion) -> None:
        client_id = client.client_id if isinstance(client, Identity) else client.app_id
        key = (client_id, assertion.issuer, assertion.subject, assertion.audiences)
        missed = self._misses.get(key)
        if missed is not None and missed[0] > self._clock():
            raise missed[1]
        known = client.history.at(self._world.replicas.token_endpoint())
        home = self._world.tenants[client.tenant_id]
        try:
            await self._check.check(assertion, client=client, home=home, credentials=tuple(known.values()))
        except Denied as denied:
            if denied.code in MISSES and self._world.delays.negative_cache > 0:
                self._misses[key] = (self._clock() + self._world.delays.negative_cache, denied)
            raise

    def _check_secret(self, client: Application | Identity, form: Mapping[str, str]) -> None:
        secret = form.get("client_secret")
        if secret is None:
            raise Denied(7000216)
        if isinstance(client, Identity) or secret not in client.secrets:
            raise Denied(7000215, client=form["client_id"])


def _field(form: Mapping[str, str], name: str) -> str:
    if name not in form:
        raise Denied(900144, what=name)
    return form[name]


def _resource(scope: str) -> str:
    """The one resource that a client credentials scope asks for."""
    if not scope.endswith("/.default"):
        raise Denied(70011, what=scope)
    resource = scope.removesuffix("/.default").rstrip("/")
    if resource not in RESOURCES:
        raise Denied(500011, what=resource)
    return resource
