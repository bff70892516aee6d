"""What each item of hosts, roles and tenants comes to: assignments that may be asked for, or why not."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from entrafed.api.assignments import IdentityAssignment, RoleAssignment, Tenant
from entrafed.api.federation import Federation
from entrafed.api.reasons import Reason
from entrafed.api.rules import Rule
from entrafed.domain.assignments import Assignment
from entrafed.domain.clouds import CLOUDS
from entrafed.domain.connections import SignIn
from entrafed.domain.credentials import Parent, ParentKind, resource_key
from entrafed.domain.errors import AzureProblem, NotFound, Problem, ProblemKind
from entrafed.domain.findings import AssignmentOutcome, Place, Section
from entrafed.domain.roles import RoleDefinition, granted, is_guid
from entrafed.domain.rules import allows_identity_assignment, allows_role, allows_some_role_at, allows_tenant
from entrafed.domain.targets import ResolvedTarget
from entrafed.domain.tenants import consent_url
from entrafed.engine.reads import Reads
from entrafed.engine.timing import Timing

_AT_HOME = Problem(
    ProblemKind.TERMINAL,
    Reason.INVALID_SPEC,
    "it is the target's own tenant, where the application has a service principal in any case; remove the item",
)


@dataclass(frozen=True, slots=True)
class TenantAccess:
    """The way into another tenant: a sign-in, and the rules there that serve the namespace and allow the target."""

    sign_in: SignIn
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class WishCase:
    """What the items of one object are judged by. `rules` serve the namespace and allow the target; `own_clients` are
    the client ids that the operator signs in as; `partner` finds the way into another tenant by a connection's name,
    or why there is none. What was read of Azure before `not_before`, in monotonic seconds, is read again."""

    sign_in: SignIn
    target: ResolvedTarget
    rules: tuple[Rule, ...]
    own_clients: frozenset[str]
    partner: Callable[[str], TenantAccess | Problem]
    not_before: float


class _Unknown(Exception):
    """It cannot be told for now."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class Wishes:
    """Judges items; reads what they need to know. Makes nothing."""

    def __init__(self, reads: Reads, timing: Timing) -> None:
        self._reads = reads
        self._timing = timing

    async def outcomes(self, federation: Federation, case: WishCase) -> tuple[AssignmentOutcome, ...]:
        """All items of an object, in the order of the spec."""
        spec = federation.spec
        return (
            *[await self._identity(item, case) for item in spec.identity_assignments],
            *[await self._role(item, case) for item in spec.role_assignments],
            *[await self._tenant(item, case) for item in spec.tenants],
        )

    async def principal(self, case: WishCase) -> str:
        """The object id that roles are given to. Raises `AzureProblem`."""
        if case.target.principal_id is not None:
            return case.target.principal_id
        found = await self._reads.service_principal(case.sign_in, case.target.client_id, case.not_before)
        return found.object_id

    async def _identity(self, item: IdentityAssignment, case: WishCase) -> AssignmentOutcome:
        resource_id = item.managed_identity.resource_id if item.managed_identity else case.target.parent.id
        identity = resource_key(resource_id)
        parents = [Parent(ParentKind.HOST, case.sign_in.tenant_id, resource_key(host)) for host in item.resources]
        refused = {
            parent: refusal_of(case.sign_in, f"to be given {_name(identity)} at {parent.id}")
            for parent in parents
            if not allows_identity_assignment(case.rules, identity, parent.id)
        }
        outcome = AssignmentOutcome(Section.IDENTITIES, item.name)
        if len(refused) == len(set(parents)):
            return _denied(outcome, (Place(p, Assignment(identity), case.sign_in, refused[p]) for p in parents))
        try:
            principal_id = await self._principal_of(resource_id, case)
        except _Unknown as unknown:
            denied = (Place(p, Assignment(identity), case.sign_in, refusal) for p, refusal in refused.items())
            return _denied(replace(outcome, problem=unknown.problem), denied)
        assignment = Assignment(identity, principal_id)
        return _denied(outcome, (Place(p, assignment, case.sign_in, refused.get(p)) for p in parents))

    async def _principal_of(self, resource_id: str, case: WishCase) -> str:
        if resource_key(resource_id) == case.target.parent.id and case.target.principal_id is not None:
            return case.target.principal_id  # it has just been read, and found not to be the operator's own
        try:
            identity = await self._reads.managed_identity(case.sign_in, resource_id, case.not_before)
        except NotFound:
            message = f"managed identity {resource_id} was not found; create it, or mend its resource id"
            after = self._timing.missing
            raise _Unknown(Problem(ProblemKind.TERMINAL, Reason.IDENTITY_NOT_FOUND, message, after)) from None
        except AzureProblem as failure:
            raise _Unknown(failure.problem) from None
        if identity.client_id in case.own_clients:
            message = "the identity that the operator itself signs in as may not be assigned anywhere"
            raise _Unknown(Problem(ProblemKind.FORBIDDEN, Reason.NOT_PERMITTED, message))
        return identity.principal_id

    async def _role(self, item: RoleAssignment, case: WishCase) -> AssignmentOutcome:
        scope = resource_key(item.scope)
        parent = Parent(ParentKind.SCOPE, case.sign_in.tenant_id, scope)
        outcome = AssignmentOutcome(Section.ROLES, item.name)
        refusal = refusal_of(case.sign_in, f"role {item.role} at {scope}")
        try:
            role = await self._definition(item.role, scope, case)
            if role is None or not allows_role(case.rules, role, scope):
                key = role.id if role else item.role
                return _denied(outcome, [Place(parent, Assignment(key), case.sign_in, refusal)])
            principal_id = await self.principal(case)
        except _Unknown as unknown:
            return replace(outcome, problem=unknown.problem)
        except NotFound:
            message = f"the service principal of {case.target.client_id} is not known yet; it is waited for"
            waiting = Problem(ProblemKind.WAITING, Reason.PRINCIPAL_NOT_READY, message, self._timing.agreement * 5)
            return replace(outcome, problem=waiting)
        except AzureProblem as failure:
            return replace(outcome, problem=failure.problem)
        assignment = granted(role.id, principal_id, item.condition)
        return replace(outcome, places=(Place(parent, assignment, case.sign_in, role=role.name),))

    async def _definition(self, role: str, scope: str, case: WishCase) -> RoleDefinition | None:
        """The role that a name stands for at a scope; None where no rule allows any, and nothing is looked at."""
        if is_guid(role):
            return RoleDefinition(role.lower(), "")
        if not allows_some_role_at(case.rules, scope):
            return None
        try:
            found = await self._reads.role_definitions(case.sign_in, scope, role, case.not_before)
        except AzureProblem as failure:
            raise _Unknown(failure.problem) from None
        if len(found) != 1:
            how_many = "no role" if not found else "more than one role"
            message = f"{how_many} of the name {role} can be given at {scope}; name it by the GUID of its definition"
            raise _Unknown(Problem(ProblemKind.TERMINAL, Reason.ROLE_NOT_FOUND, message, self._timing.missing))
        return found[0]

    async def _tenant(self, item: Tenant, case: WishCase) -> AssignmentOutcome:
        if item.tenant_id.lower() == case.sign_in.tenant_id:
            return AssignmentOutcome(Section.TENANTS, item.tenant_id.lower(), problem=_AT_HOME)
        return await self._other_tenant(item, case)

    async def _other_tenant(self, item: Tenant, case: WishCase) -> AssignmentOutcome:
        tenant_id, client_id = item.tenant_id.lower(), case.target.client_id
        outcome = AssignmentOutcome(Section.TENANTS, tenant_id)
        parent, assignment = Parent(ParentKind.TENANT_APP, tenant_id, client_id), Assignment(client_id)
        if not allows_tenant(case.rules, tenant_id):
            refusal = refusal_of(case.sign_in, f"tenant {tenant_id}")
            return _denied(outcome, [Place(parent, assignment, case.sign_in, refusal)])
        if case.target.multi_tenant is False:
            return replace(outcome, problem=_for_its_own_tenant_only(client_id))
        if item.connection_ref is None:
            return await self._by_consent(outcome, Place(parent, assignment, case.sign_in), case)
        name = item.connection_ref.name
        partner = way_in(name, tenant_id, case.partner(name))
        if isinstance(partner, Problem):
            return replace(outcome, problem=partner)
        if not allows_tenant(partner.rules, tenant_id):
            refusal = refusal_of(partner.sign_in, f"application {client_id} in its tenant")
            return _denied(outcome, [Place(parent, assignment, partner.sign_in, refusal)])
        return replace(outcome, places=(Place(parent, assignment, partner.sign_in),))

    async def _by_consent(self, outcome: AssignmentOutcome, place: Place, case: WishCase) -> AssignmentOutcome:
        """A tenant that the operator has no way into: whether an administrator there has let the application in."""
        tenant_id, client_id = place.parent.tenant_id, place.assignment.key
        url = consent_url(CLOUDS[case.sign_in.cloud], tenant_id, client_id)
        told = await self._reads.is_provisioned(case.sign_in, tenant_id, client_id, case.not_before)
        if told is True:
            return replace(outcome, found=(place,))
        if told is False:
            message = f"an administrator of tenant {tenant_id} must consent at {url}"
            problem = Problem(ProblemKind.FORBIDDEN, Reason.CONSENT_REQUIRED, message, self._timing.consent)
        else:
            problem = replace(told, after=self._timing.consent) if told.reason is Reason.AZURE_ERROR else told
        return replace(outcome, problem=problem, consent_url=None if problem.kind is ProblemKind.TERMINAL else url)


def _for_its_own_tenant_only(client_id: str) -> Problem:
    message = (
        f"application {client_id} is for its own tenant only, so no other can have it; set its signInAudience to "
        "AzureADMultipleOrgs"
    )
    return Problem(ProblemKind.TERMINAL, Reason.NOT_MULTI_TENANT, message)


def way_in(name: str, tenant_id: str, partner: TenantAccess | Problem) -> TenantAccess | Problem:
    """A connection, by its name, as the way into a tenant: it may be none, or lead into another one."""
    if isinstance(partner, Problem) or partner.sign_in.tenant_id == tenant_id:
        return partner
    message = f"EntraConnection {name} is of tenant {partner.sign_in.tenant_id}, not of {tenant_id}"
    return Problem(ProblemKind.TERMINAL, Reason.CONNECTION_INVALID, message)


def refusal_of(sign_in: SignIn, what: str) -> Problem:
    """No rule of a connection allows something."""
    message = f"no rule of EntraConnection {sign_in.connection} allows {what}; ask for a rule, or remove it"
    return Problem(ProblemKind.FORBIDDEN, Reason.NOT_PERMITTED, message)


def _denied(outcome: AssignmentOutcome, places: Iterable[Place]) -> AssignmentOutcome:
    """An outcome of these places; whoever dates it knows since when some of them are denied."""
    taken = tuple(dict.fromkeys(places))
    return replace(outcome, places=taken, denied_since=0.0 if any(place.is_denied for place in taken) else None)


def _name(key: str) -> str:
    return key.rpartition("/")[2]
