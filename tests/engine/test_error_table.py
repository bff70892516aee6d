"""Every documented error of Azure, given at the right call: what the status and the event say, when it is tried again,
and that all is well as soon as the error is gone. In virtual time, with the product's own durations.

The rows are those of Microsoft's documents, in their order: Graph, Resource Manager, the token endpoint.
"""

import asyncio
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from engine_world import APPLICATION, IDENTITY, NAMESPACE, EngineWorld, Manifest, federation, oidc
from entrafed.api.conditions import ConditionType
from entrafed.azure.aadsts import AADSTS
from entrafed.domain.errors import HANDLING
from entrafed.domain.events import EventType
from entrafed_lab.azure import Fault, KeyRing, ServiceName
from entrafed_lab.azure.objects import LIMIT
from entrafed_lab.azure.seed import READER_APP
from entrafed_lab.azure.variants import Refusal
from pauses import (
    IN_TEN_SECONDS,
    SOON,
    TIMING,
    WHEN_SOMEBODY_MAY_HAVE_ACTED,
    WHEN_THE_HOLDER_MAY_HAVE_CHANGED,
    Again,
)
from virtual_world import until, virtual_world

pytestmark = pytest.mark.looptime

RETRY_AFTER = 20.0  # seconds, of the answers that carry it
RARELY = TIMING.longest_backoff * 1.2 + 10  # seconds: the longest pause with its jitter, and the requests
WATCHED = 1500.0  # seconds for which an error lasts; longer than every pause but that of the resync
WHILE_IT_MAY_BE_YOUNG = Again(4, 30)
WHEN_MICROSOFT_SAYS = Again(RETRY_AFTER, RETRY_AFTER * 2)

GRAPH, ARM, LOGIN = (ServiceName.GRAPH,), (ServiceName.ARM,), (ServiceName.LOGIN,)
CREDENTIALS = "(?i)federatedIdentityCredentials"

CREATE = Fault(GRAPH, ("POST",), CREDENTIALS)
LIST = Fault(GRAPH, ("GET",), CREDENTIALS)
READ = Fault(GRAPH, ("GET",), r"applications\(appId='[^']*'\)(\?|$)")
PUT = Fault(ARM, ("PUT",), CREDENTIALS)
LIST_ON_ARM = Fault(ARM, ("GET",), CREDENTIALS)
READ_ON_ARM = Fault(ARM, ("GET",), r"(?i)userAssignedIdentities/[^/]*$")


@dataclass(frozen=True, slots=True)
class Case:
    """An error as documented, at one call, and what becomes of it."""

    at: Fault
    status: int
    code: str
    message: str
    reason: str
    again: Again
    stalled: bool = True
    retry_after: float | None = None

    def __str__(self) -> str:
        verb = self.at.methods[0] if self.at.path_regex == CREDENTIALS else "READ"
        return f"{self.at.services[0]} {verb} {self.status} {self.code} {self.message[:20]}"

    @property
    def target(self) -> Manifest:
        return APPLICATION if self.at.services == GRAPH else IDENTITY

    @property
    def fault(self) -> Fault:
        return replace(self.at, status=self.status, code=self.code, message=self.message, retry_after=self.retry_after)


def moving(at: Fault, status: int, code: str, message: str, reason: str, **more: Any) -> Case:
    """An error that goes away without anybody's act, as far as can be told."""
    return Case(at, status, code, message, reason, **{"again": SOON, **more}, stalled=False)


def stuck(at: Fault, status: int, code: str, message: str, reason: str) -> Case:
    """An error that goes away only when somebody acts."""
    return Case(at, status, code, message, reason, WHEN_SOMEBODY_MAY_HAVE_ACTED)


IN_A_WHILE: dict[str, Any] = {"again": WHEN_MICROSOFT_SAYS, "retry_after": RETRY_AFTER}
INVALID = "InvalidFederatedIdentityCredentialValue"
PAIR_ON_GRAPH = "The combination of issuer and subject must be unique for the application."
PAIR_ON_ARM = "Issuer and subject combination already exists for this Managed Identity."
DENIED = "The client 'c' with object id 'o' does not have authorization to perform action 'x/read' over scope '/s'."
CONCURRENT = "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity"
LACKS = "The expression either lacks all required claims or contains unallowed claims."

# fmt: off
ON_GRAPH = (
    stuck(CREATE, 400, "Request_BadRequest", "Invalid property 'x'.", "ValueRefused"),
    stuck(CREATE, 400, INVALID, "The issuer is not allowed as per assigned policy.", "PolicyDenied"),
    stuck(CREATE, 400, INVALID, LACKS, "ValueRefused"),
    stuck(CREATE, 403, "Authorization_RequestDenied", "Insufficient privileges.", "OwnerRequired"),
    stuck(LIST, 403, "Authorization_RequestDenied", "Insufficient privileges.", "AccessDenied"),
    stuck(READ, 403, "Authorization_RequestDenied", "Insufficient privileges.", "AccessDenied"),
    *(moving(at, 401, "InvalidAuthenticationToken", "Access token has expired.", "SignInFailed")
      for at in (CREATE, LIST, READ)),
    *(moving(at, 404, "Request_ResourceNotFound", "Resource 'x' does not exist.", "TargetNotReady",
             again=WHILE_IT_MAY_BE_YOUNG)
      for at in (LIST, READ)),
    moving(CREATE, 404, "Request_ResourceNotFound", "Resource 'x' does not exist.", "TargetNotReady"),
    *(Case(CREATE, status, "Directory_QuotaExceeded", "The quota is exceeded.", "QuotaExceeded",
           WHEN_THE_HOLDER_MAY_HAVE_CHANGED) for status in (400, 403, 409)),
    *(moving(CREATE, status, "Directory_ConcurrencyViolation", "Concurrent.", "ConcurrentWrite")
      for status in (409, 503)),
    *(moving(at, 429, "TooManyRequests", "Too many.", "Throttled", **IN_A_WHILE)
      for at in (CREATE, LIST, READ)),
    moving(LIST, 429, "TooManyRequests", "Too many.", "Throttled"),
    *(moving(at, 429, "TooManyRequests", "Too many.", "Throttled", retry_after=0.0) for at in (CREATE, LIST, READ)),
    *(moving(at, status, "ServiceUnavailable", "Unavailable.", "AzureUnavailable")
      for at in (CREATE, LIST, READ) for status in (500, 503, 504)),
    moving(LIST, 503, "ServiceUnavailable", "Unavailable.", "AzureUnavailable", **IN_A_WHILE),
)
ON_ARM = (
    *(stuck(PUT, 400, "BadRequest", text, "ValueRefused") for text in (
        "Federated identity credentials must have exactly one audience.",
        "Federated Identity Credential from HTTP body has empty properties",
        "Federated Identity Credential name 'x' is invalid.",
        "AAD-issued tokens may not be used for federated identity flows.",
    )),
    moving(PUT, 400, "BadRequest", PAIR_ON_ARM, "CredentialConflict"),
    Case(PUT, 400, "BadRequest", "Too many Federated Identity Credentials", "QuotaExceeded",
         WHEN_THE_HOLDER_MAY_HAVE_CHANGED),
    *(stuck(at, 403, "AuthorizationFailed", DENIED, "AccessDenied") for at in (PUT, LIST_ON_ARM, READ_ON_ARM)),
    stuck(PUT, 403, "RequestDisallowedByPolicy", "Resource 'x' was disallowed by policy.", "PolicyDenied"),
    *(moving(at, 404, code, "It was not found.", "TargetNotReady", again=WHILE_IT_MAY_BE_YOUNG)
      for at in (LIST_ON_ARM, READ_ON_ARM) for code in ("ResourceNotFound", "ResourceGroupNotFound")),
    moving(PUT, 404, "ParentResourceNotFound", "It doesn't exist.", "TargetNotReady", again=IN_TEN_SECONDS),
    moving(PUT, 404, "NotFound", "MS Graph resource not found during Federated Identity Credential creation.",
           "TargetNotReady", again=IN_TEN_SECONDS),
    stuck(PUT, 405, "BadRequest", "Support for federated identity credentials not enabled.", "RegionUnsupported"),
    moving(PUT, 409, CONCURRENT, "Too many are written concurrently.", "ConcurrentWrite"),
    *(stuck(at, 409, "MissingSubscriptionRegistration", "Not registered.", "AccessDenied")
      for at in (PUT, LIST_ON_ARM, READ_ON_ARM)),
    stuck(PUT, 409, "ScopeLocked", "The scope is locked.", "ScopeLocked"),
    *(moving(at, 429, "TooManyRequests", "Too many.", "Throttled", **IN_A_WHILE)
      for at in (PUT, LIST_ON_ARM, READ_ON_ARM)),
    moving(PUT, 429, "SubscriptionRequestsThrottled", "Too many.", "Throttled", **IN_A_WHILE),
)
# fmt: on


async def become_of(world: EngineWorld, case: Case, item: Manifest | None = None) -> None:
    """Live through an error."""
    tried: list[float] = []
    handle = world.azure.faults.add(case.fault, notify=lambda _: tried.append(world.clock.monotonic()))
    async with world.operator():
        world.cluster.apply(federation(item or oidc("a"), target=case.target))
        await until(lambda: world.reason() == case.reason, within=60)
        first = message(world)
        assert (world.condition(ConditionType.STALLED) is not None) == case.stalled
        assert str(case.status) in first
        assert case.code in first
        await asyncio.sleep(2 * case.again.most + 30)
        events = [event for event in world.cluster.events if event.reason == case.reason and event.note == first]
        assert [event.type for event in events] == [EventType.WARNING]
        assert len(tried) >= 2
        assert case.again.least <= tried[1] - tried[0] <= case.again.most
        assert message(world) == first or world.reason() == "TargetNotFound", "it is stable"
        handle.remove()
        await until(world.is_ready, within=WATCHED)


def message(world: EngineWorld) -> str:
    ready = world.condition(ConditionType.READY)
    assert ready is not None
    return ready.message


@pytest.mark.parametrize("case", [*ON_GRAPH, *ON_ARM], ids=str)
async def test_a_documented_error_is_told_tried_again_in_time_and_recovered_from(
    case: Case, azure_keys: KeyRing, tmp_path: Path
) -> None:
    async with virtual_world(tmp_path, keys=azure_keys) as world:
        await become_of(world, case)


@pytest.mark.parametrize(
    "refusal",
    [
        Refusal(400, INVALID, PAIR_ON_GRAPH),
        Refusal(409, "Request_MultipleObjectsWithSameKeyValue", "FederatedIdentityCredential with name X exists."),
    ],
    ids=["pair", "name"],
)
async def test_one_that_graph_says_is_there_and_no_list_shows_is_waited_for_and_tried_again(
    refusal: Refusal, azure_keys: KeyRing, tmp_path: Path
) -> None:
    """A replica lags, or another writer took it back. One that a list shows is a conflict, or the one asked for."""
    tried: list[float] = []
    async with virtual_world(tmp_path, keys=azure_keys) as world:
        refused = replace(CREATE, status=refusal.status, code=refusal.code, message=refusal.message)
        handle = world.azure.faults.add(refused, notify=lambda _: tried.append(world.clock.monotonic()))
        async with world.operator():
            world.cluster.apply(federation(oidc("a")))
            await until(lambda: len(tried) >= 2, within=3 * TIMING.lag_limit)
            assert tried[1] - tried[0] >= TIMING.lag_limit
            assert world.condition(ConditionType.STALLED) is None
            handle.remove()
            await until(world.is_ready, within=3 * TIMING.lag_limit)


@pytest.mark.parametrize("code", sorted(AADSTS))
async def test_a_refused_sign_in_says_what_the_code_means_and_is_recovered_from(
    code: int, azure_keys: KeyRing, tmp_path: Path
) -> None:
    async with virtual_world(tmp_path, keys=azure_keys) as world:
        tried: list[float] = []
        fault = Fault(LOGIN, status=401, code=f"AADSTS{code}", message="Azure's own words.")
        handle = world.azure.faults.add(fault, notify=lambda _: tried.append(world.clock.monotonic()))
        async with world.operator():
            world.cluster.apply(federation(oidc("a")))
            await until(lambda: world.reason() == "SignInFailed", within=60)
            assert message(world).endswith(f"{AADSTS[code].meaning} (Entra: AADSTS{code})")
            assert (world.condition(ConditionType.STALLED) is not None) == HANDLING[AADSTS[code].kind].stalled
            reasons = {c.type: c.reason for c in world.cluster.connection("default").status.conditions}
            assert reasons[ConditionType.SIGNED_IN] == "SignInFailed"
            await asyncio.sleep(WATCHED)
            events = [event for event in world.cluster.events if event.reason == "SignInFailed"]
            assert [(event.type, event.note) for event in events] == [(EventType.WARNING, message(world))]
            pauses = [after - before for before, after in pairwise(tried[1:])]  # at first twice: two scopes
            assert SOON.least <= pauses[0] <= SOON.most < max(pauses) <= RARELY
            handle.remove()
            await until(world.is_ready, within=RARELY)


UPDATE, REMOVE, REMOVE_ON_ARM = (
    Fault(GRAPH, ("PATCH",), CREDENTIALS),
    Fault(GRAPH, ("DELETE",), CREDENTIALS),
    Fault(ARM, ("DELETE",), CREDENTIALS),
)
# fmt: off
OF_A_CHANGE = (
    stuck(UPDATE, 400, "Request_BadRequest", "Invalid property 'x'.", "ValueRefused"),
    stuck(UPDATE, 400, INVALID, "The issuer is not allowed as per assigned policy.", "PolicyDenied"),
    stuck(UPDATE, 403, "Authorization_RequestDenied", "Insufficient privileges.", "OwnerRequired"),
    *(moving(UPDATE, status, "Directory_ConcurrencyViolation", "Concurrent.", "ConcurrentWrite")
      for status in (409, 503)),
    moving(UPDATE, 429, "TooManyRequests", "Too many.", "Throttled", **IN_A_WHILE),
    moving(UPDATE, 503, "ServiceUnavailable", "Unavailable.", "AzureUnavailable"),
    stuck(PUT, 403, "AuthorizationFailed", DENIED, "AccessDenied"),
    moving(PUT, 409, CONCURRENT, "Too many are written concurrently.", "ConcurrentWrite"),
)
OF_A_DELETION = (
    stuck(REMOVE, 403, "Authorization_RequestDenied", "Insufficient privileges.", "OwnerRequired"),
    moving(REMOVE, 401, "InvalidAuthenticationToken", "Access token has expired.", "SignInFailed"),
    *(moving(REMOVE, status, "Directory_ConcurrencyViolation", "Concurrent.", "ConcurrentWrite")
      for status in (409, 503)),
    moving(REMOVE, 429, "TooManyRequests", "Too many.", "Throttled", **IN_A_WHILE),
    moving(REMOVE, 503, "ServiceUnavailable", "Unavailable.", "AzureUnavailable"),
    stuck(REMOVE_ON_ARM, 403, "AuthorizationFailed", DENIED, "AccessDenied"),
    stuck(REMOVE_ON_ARM, 409, "ScopeLocked", "The scope is locked.", "ScopeLocked"),
    moving(REMOVE_ON_ARM, 409, CONCURRENT, "Too many are written concurrently.", "ConcurrentWrite"),
    moving(REMOVE_ON_ARM, 429, "TooManyRequests", "Too many.", "Throttled", **IN_A_WHILE),
    moving(REMOVE_ON_ARM, 503, "ServiceUnavailable", "Unavailable.", "AzureUnavailable"),
)
# fmt: on


@pytest.mark.parametrize("case", OF_A_CHANGE, ids=str)
async def test_a_documented_error_of_a_change_leaves_what_stood_and_is_told_and_recovered_from(
    case: Case, azure_keys: KeyRing, tmp_path: Path
) -> None:
    async with virtual_world(tmp_path, keys=azure_keys) as world:
        async with world.operator():
            world.cluster.apply(federation(oidc("a"), target=case.target))
            await until(world.is_ready, within=60)
        await become_of(world, case, oidc("a", audience="api://other"))
        holder = READER_APP if case.target == APPLICATION else "web"
        assert [audiences for _, _, audiences in world.ours(holder).values()] == [("api://other",)]


@pytest.mark.parametrize("case", OF_A_DELETION, ids=str)
async def test_a_documented_error_of_a_deletion_is_told_tried_again_in_time_and_recovered_from(
    case: Case, azure_keys: KeyRing, tmp_path: Path
) -> None:
    tried: list[float] = []
    async with virtual_world(tmp_path, keys=azure_keys) as world, world.operator():
        world.cluster.apply(federation(oidc("a"), target=case.target))
        await until(world.is_ready, within=60)
        handle = world.azure.faults.add(case.fault, notify=lambda _: tried.append(world.clock.monotonic()))
        world.cluster.delete("ManagedIdentityFederation", NAMESPACE, "web")
        await until(lambda: world.reason() == "DeletionBlocked", within=60)
        first = message(world)
        assert f"cannot clean up ({case.reason})" in first
        assert case.code in first
        assert (world.condition(ConditionType.STALLED) is not None) == case.stalled
        await asyncio.sleep(2 * case.again.most + 30)
        events = [event for event in world.cluster.events if event.reason == "DeletionBlocked"]
        assert [(event.type, event.note) for event in events] == [(EventType.WARNING, first)]
        assert case.again.least <= tried[1] - tried[0] <= case.again.most
        assert message(world) == first
        handle.remove()
        await until(lambda: world.cluster.federation(NAMESPACE, "web") is None, within=WATCHED)
        assert world.ours(READER_APP if case.target == APPLICATION else "web") == {}


THEIRS = "https://theirs.example"
IN_ANY_WORDS = (
    Refusal(400, "Request_BadRequest", "No."),
    Refusal(400, "BadRequest", "No."),
    Refusal(403, "Forbidden", "No more than that."),
    Refusal(409, "Conflict", "No more than that."),
)


@pytest.mark.parametrize("at", [CREATE, PUT], ids=["graph", "arm"])
@pytest.mark.parametrize("refusal", IN_ANY_WORDS, ids=lambda refusal: f"{refusal.status} {refusal.code}")
async def test_a_refusal_in_whatever_words_is_want_of_room_where_twenty_stand(
    at: Fault, refusal: Refusal, azure_keys: KeyRing, tmp_path: Path
) -> None:
    """Somebody else took the last place between our look and our write; no document tells what Azure says then."""
    async with virtual_world(tmp_path, keys=azure_keys) as world:
        holder = world.azure.world.holder(READER_APP if at.services == GRAPH else "web")

        def others_fill() -> None:
            for number in range(LIMIT - len(holder.credentials)):
                holder.add_foreign_credential(
                    name=f"theirs-{number}", issuer="https://theirs.example", subject=f"{number}"
                )

        refused = replace(at, status=refusal.status, code=refusal.code, message=refusal.message, times=1)
        world.azure.faults.add(refused, notify=lambda _: others_fill())
        async with world.operator():
            world.cluster.apply(federation(oidc("a"), target=APPLICATION if at.services == GRAPH else IDENTITY))
            await until(lambda: world.reason() == "QuotaExceeded", within=60)
            assert world.condition(ConditionType.STALLED) is not None
            holder.remove("theirs-0")
            await until(world.is_ready, within=TIMING.forbidden * 1.2)


async def test_the_same_refusal_is_one_of_the_value_where_there_is_room(azure_keys: KeyRing, tmp_path: Path) -> None:
    async with virtual_world(tmp_path, keys=azure_keys) as world:
        world.azure.faults.add(replace(CREATE, status=400, code="Request_BadRequest", message="No."))
        async with world.operator():
            world.cluster.apply(federation(oidc("a")))
            await until(lambda: world.reason() == "ValueRefused", within=60)
