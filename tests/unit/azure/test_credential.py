"""One token per scope, one request for it, and failures that every waiter gets."""

import asyncio
import base64
import json
from pathlib import Path

import pytest
from azure.core.credentials import AccessToken

from entrafed.api.connection import CloudName
from entrafed.api.reasons import Reason
from entrafed.azure.answers import Answer
from entrafed.azure.budgets import Budgets, BudgetSettings, Scope
from entrafed.azure.calls import Call, Operation, Refused, Reply, Service
from entrafed.azure.credential import Signed, SingleFlight, object_id_in
from entrafed.azure.exchange import Exchange
from entrafed.azure.workload_identity import TokenFile
from entrafed.domain.connections import SignIn
from entrafed.domain.errors import AzureProblem, ProblemKind
from unit.azure.loop_clock import LoopClock

GRAPH, ARM = "https://graph.example/.default", "https://arm.example/.default"
SIGN_IN = SignIn("default", CloudName.AZURE_PUBLIC, "home", "operator", "https://login.example", "", "")


class Entra:
    """Gives tokens that live for an hour, each after a second, or raises what it is told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.failure: Exception | None = None
        self.seconds = 1.0

    async def fetch(self, scope: str) -> AccessToken:
        self.asked.append(scope)
        name = f"token {len(self.asked)} of {scope}"
        await asyncio.sleep(self.seconds)
        if self.failure is not None:
            raise self.failure
        now = int(asyncio.get_running_loop().time())
        return AccessToken(name, now + 3600)


class World:
    """A sign-in, who is asked for it, and what was counted."""

    def __init__(self) -> None:
        clock = LoopClock()
        self.entra = Entra()
        self.counted: list[tuple[str, str, str]] = []
        self.budgets = Budgets(clock, BudgetSettings())
        self.exchange = Exchange(
            clock=clock,
            timeout=30.0,
            seen=lambda service, operation, code, _: self.counted.append((service, operation, code)),
        )
        self.credential = SingleFlight(
            self.entra.fetch,
            sign_in=SIGN_IN,
            exchange=self.exchange,
            budget=self.budgets.login(SIGN_IN),
            clock=clock,
            skew=300.0,
        )

    async def token(self, scope: str = GRAPH) -> str:
        return (await self.credential.get_token(scope)).token


pytestmark = pytest.mark.looptime


async def test_two_hundred_calls_at_once_are_one_request() -> None:
    world = World()
    tokens = await asyncio.gather(*(world.token() for _ in range(200)))
    assert set(tokens) == {f"token 1 of {GRAPH}"}
    assert world.counted == [("login", "sign_in", "200")]


async def test_each_scope_has_its_own_token() -> None:
    world = World()
    assert set(await asyncio.gather(world.token(GRAPH), world.token(ARM))) == {
        f"token 1 of {GRAPH}",
        f"token 2 of {ARM}",
    }


async def test_a_token_is_renewed_five_minutes_before_it_ends() -> None:
    world = World()
    await world.token()
    await asyncio.sleep(3600 - 300 - 2)
    assert await world.token() == f"token 1 of {GRAPH}"
    await asyncio.sleep(2)
    assert await world.token() == f"token 2 of {GRAPH}"


async def test_who_is_cancelled_takes_nobody_along() -> None:
    world = World()
    first, second = asyncio.create_task(world.token()), asyncio.create_task(world.token())
    await asyncio.sleep(0.5)
    first.cancel()
    assert await second == f"token 1 of {GRAPH}"
    assert first.cancelled()
    assert len(world.entra.asked) == 1


async def test_a_token_that_nobody_waits_for_any_more_is_kept() -> None:
    world = World()
    task = asyncio.create_task(world.token())
    await asyncio.sleep(0.5)
    task.cancel()
    await asyncio.sleep(1)
    assert await world.token() == f"token 1 of {GRAPH}"


async def test_a_failure_reaches_every_waiter_as_an_exception_of_its_own() -> None:
    world = World()
    world.entra.failure = Refused(Answer(401, "invalid_client", aadsts=(700016,), request_id="an id"))
    raised = await asyncio.gather(*(world.token() for _ in range(3)), return_exceptions=True)
    assert len({id(problem) for problem in raised}) == 3
    for problem in raised:
        assert isinstance(problem, AzureProblem)
        assert problem.problem.kind is ProblemKind.FORBIDDEN
        assert problem.request_id == "an id"
        assert problem.__cause__ is None
        assert problem.__context__ is None
    assert world.counted == [("login", "sign_in", "401")]


async def test_a_failure_is_not_remembered() -> None:
    world = World()
    world.entra.failure = ConnectionResetError()
    with pytest.raises(AzureProblem):
        await world.token()
    world.entra.failure = None
    assert await world.token() == f"token 2 of {GRAPH}"


async def test_a_write_whose_sign_in_is_not_answered_was_surely_not_sent() -> None:
    world = World()
    world.entra.failure = ConnectionResetError()
    with pytest.raises(AzureProblem) as raised:
        await world.token()
    assert raised.value.problem.reason is Reason.AZURE_UNAVAILABLE
    assert raised.value.answered


async def test_a_sign_in_ends_in_the_request_timeout() -> None:
    world = World()
    world.entra.seconds = 1000.0
    with pytest.raises(AzureProblem, match=r"Entra did not answer \(not within the time limit\)"):
        await world.credential.get_token(GRAPH)
    assert asyncio.get_running_loop().time() == pytest.approx(30.0, abs=0.1)


async def test_a_retry_after_of_entra_holds_the_next_sign_in() -> None:
    world = World()
    world.entra.failure = Refused(Answer(429, retry_after=12.0))
    with pytest.raises(AzureProblem):
        await world.token()
    world.entra.failure = None
    await world.token(ARM)
    assert asyncio.get_running_loop().time() == pytest.approx(1 + 12 + 1, abs=0.1)


async def test_a_refused_token_is_forgotten_and_a_newer_one_is_not() -> None:
    world = World()
    old = await world.credential.get_token(GRAPH)
    world.credential.forget(old)
    new = await world.credential.get_token(GRAPH)
    world.credential.forget(old)
    assert await world.credential.get_token(GRAPH) is new


async def test_a_401_makes_the_next_call_sign_in_again() -> None:
    world = World()
    signed = Signed(world.credential, GRAPH, world.exchange)
    call = Call(Service.GRAPH, Operation.LIST_CREDENTIALS, "list")
    budget = world.budgets.login(SIGN_IN)

    async def refused() -> Reply[int]:
        raise Refused(Answer(401, "InvalidAuthenticationToken"))

    async def accepted() -> Reply[int]:
        return Reply(200, 7)

    with pytest.raises(AzureProblem):
        await signed.ask(call, budget, refused)
    assert await signed.ask(call, budget, accepted) == 7
    assert len(world.entra.asked) == 2


async def test_closing_ends_a_sign_in_under_way() -> None:
    world = World()
    task = asyncio.create_task(world.token())
    await asyncio.sleep(0.5)
    await world.credential.close()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_token_file_is_read_anew_each_time(tmp_path: Path) -> None:
    file = TokenFile(tmp_path / "token")
    for text in ("first", "second"):
        file.path.write_text(f"{text}\n")
        assert file.read() == text


@pytest.mark.parametrize(
    ("content", "cause"), [(None, "No such file or directory"), (b" \n", "it is empty"), (b"\xff", "it is no text")]
)
async def test_an_unreadable_token_file_is_a_failed_sign_in_that_names_the_file(
    tmp_path: Path, content: bytes | None, cause: str
) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AzureProblem) as raised:
        TokenFile(path).read()
    assert raised.value.problem.reason is Reason.SIGN_IN_FAILED
    assert f"{path}: {cause};" in raised.value.problem.message


def jwt(claims: object) -> AccessToken:
    middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return AccessToken(f"header.{middle}.signature", 0)


async def test_the_object_id_of_the_operator_stands_in_its_token() -> None:
    assert object_id_in(jwt({"oid": "ABC-1"})) == "abc-1"


@pytest.mark.parametrize("claims", [{}, [], {"oid": 7}, None])
async def test_a_token_without_an_object_id_tells_nothing(claims: object) -> None:
    assert object_id_in(jwt(claims)) is None


@pytest.mark.parametrize("token", ["opaque", "a.!.c", "a..c", "a.e30"])
async def test_a_token_that_cannot_be_read_tells_nothing(token: str) -> None:
    assert object_id_in(AccessToken(token, 0)) is None


async def test_holds_of_entra_are_of_the_tenant_and_client() -> None:
    world = World()
    world.budgets.login(SIGN_IN).hold(Scope.TENANT, 5.0)
    await world.token()
    assert asyncio.get_running_loop().time() == pytest.approx(6.0, abs=0.1)
