"""One request to Microsoft, named: for budgets, metrics and the messages that people read."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from entrafed.azure.answers import NO_BILL, Answer, Bill
from entrafed.domain.errors import AzureProblem


class Service(StrEnum):
    """Who is asked."""

    LOGIN = "login"
    GRAPH = "graph"
    ARM = "arm"


SPOKEN = {Service.LOGIN: "Entra", Service.GRAPH: "Microsoft Graph", Service.ARM: "Azure Resource Manager"}
"""The services as people know them."""


class Operation(StrEnum):
    """What is asked; also the metric's label."""

    SIGN_IN = "sign_in"
    SEE_WHETHER_PROVISIONED = "see_whether_provisioned"
    READ_SELF = "read_self"
    READ_TARGET = "read_target"
    READ_IDENTITY = "read_identity"
    LIST_CREDENTIALS = "list_credentials"
    CREATE_CREDENTIAL = "create_credential"
    UPDATE_CREDENTIAL = "update_credential"
    DELETE_CREDENTIAL = "delete_credential"
    READ_HOST = "read_host"
    CHANGE_HOST = "change_host"
    FOLLOW_CHANGE = "follow_change"
    READ_ROLE = "read_role"
    LIST_ROLE_ASSIGNMENTS = "list_role_assignments"
    CREATE_ROLE_ASSIGNMENT = "create_role_assignment"
    DELETE_ROLE_ASSIGNMENT = "delete_role_assignment"
    READ_SERVICE_PRINCIPAL = "read_service_principal"
    CREATE_SERVICE_PRINCIPAL = "create_service_principal"
    DELETE_SERVICE_PRINCIPAL = "delete_service_principal"

    @property
    def is_write(self) -> bool:
        return self in WRITES


WRITES = (
    Operation.CREATE_CREDENTIAL,
    Operation.UPDATE_CREDENTIAL,
    Operation.DELETE_CREDENTIAL,
    Operation.CHANGE_HOST,
    Operation.CREATE_ROLE_ASSIGNMENT,
    Operation.DELETE_ROLE_ASSIGNMENT,
    Operation.CREATE_SERVICE_PRINCIPAL,
    Operation.DELETE_SERVICE_PRINCIPAL,
)


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `doing` completes the sentence "Cannot ..."; it holds no secret and nothing that moves."""

    service: Service
    operation: Operation
    doing: str


Seen = Callable[[str, str, str, float], None]
"""Told of every request: service, operation, code, seconds. The code is the HTTP status, or `timeout`, `unreachable`,
`unreadable`."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """A request that was answered with success: its HTTP status, what was read from the body, and what it cost."""

    status: int
    value: T
    bill: Bill = NO_BILL


class Refused(Exception):
    """Microsoft answered, and not with success. Never leaves this package."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"{answer.status} {answer.code}")
        self.answer = answer


class FlexibleHidden(AzureProblem):
    """A version of Graph that knows no flexible credentials cannot list an application that carries some. Never leaves
    this package."""


class Unreadable(Exception):
    """Microsoft answered with success, and the body is not what was asked for. Never leaves this package."""
