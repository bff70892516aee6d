"""The way to Azure: by which connection an object signs in, and which rules serve its namespace."""

from dataclasses import dataclass

from entrafed.api.federation import Federation
from entrafed.api.reasons import Reason
from entrafed.api.rules import Rule
from entrafed.domain.connections import SignIn, sign_in_of
from entrafed.domain.errors import Problem, ProblemKind
from entrafed.domain.rules import Namespace, rules_serving
from entrafed.engine.objects import Objects


@dataclass(frozen=True, slots=True)
class Access:
    """A sign-in, and the rules of its connection that serve a namespace. `cluster_issuers` are those that the
    connection names in place of the cluster's own."""

    sign_in: SignIn
    namespace: Namespace
    rules: tuple[Rule, ...]
    cluster_issuers: tuple[str, ...] = ()


class Unresolved(Exception):
    """What is asked for cannot be told for now."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class Accesses:
    """Through every connection. `allow_endpoints`: whether connections may name other addresses than Microsoft's."""

    def __init__(self, objects: Objects, *, allow_endpoints: bool) -> None:
        self._objects = objects
        self._allow_endpoints = allow_endpoints

    def of(self, federation: Federation) -> Access:
        """An object's own. Raises `Unresolved`."""
        return self.through(federation.spec.connection_ref.name, federation.metadata.namespace or "")

    def through(self, name: str, namespace: str) -> Access:
        """What a namespace has by the connection of a name. Raises `Unresolved`."""
        connection = self._objects.connections.get(name)
        if connection is None:
            message = f"EntraConnection {name} does not exist; it is waited for"
            raise Unresolved(Problem(ProblemKind.WAITING, Reason.CONNECTION_NOT_FOUND, message))
        sign_in = sign_in_of(connection, allow_endpoints=self._allow_endpoints)
        if isinstance(sign_in, Problem):
            raise Unresolved(sign_in)
        known = self._objects.namespaces.get(namespace)
        if known is None:
            message = f"namespace {namespace} has not been seen yet"
            raise Unresolved(Problem(ProblemKind.WAITING, Reason.NAMESPACE_NOT_FOUND, message))
        rules = rules_serving(connection.spec.rules, known)
        return Access(sign_in, known, rules, connection.spec.cluster_issuers)

    def own_clients(self) -> frozenset[str]:
        """The client ids that the operator signs in as: nobody may write to those, or let them in."""
        own = (connection.spec.credential.workload_identity for connection in self._objects.connections.values())
        return frozenset(identity.client_id.lower() for identity in own if identity is not None)
