"""SIGKILL in the midst of writes, on a real process and a real API server: in the end all is as if it had not been."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import pytest
import pytest_asyncio
import trustme

from entrafed.api.metadata import FEDERATIONS
from entrafed_lab.azure import Fault
from entrafed_lab.azure.exchange import Call
from entrafed_lab.azure.faults import WRITES
from entrafed_lab.azure.objects import Application
from kube_passage import Passage, passage
from kube_world import Cluster
from manifests import Manifest, from_oidc
from operator_process import Operator, StartOperator
from operator_world import TARGETS, World

APART = ("lastTransitionTime", "lastHandledReconcileAt")
"""What a status may differ in."""
CREDENTIALS = "/federatedIdentityCredentials"
A_MOMENT = 0.05  # seconds: longer than a list is under way


@pytest_asyncio.fixture
async def way(cluster: Cluster, azure_ca: trustme.CA, tmp_path: Path) -> AsyncIterator[Passage]:
    """The operator's way to the API server."""
    async with passage(cluster, azure_ca, tmp_path) as made:
        yield made


@pytest_asyncio.fixture
async def operator(start_operator: StartOperator, way: Passage) -> AsyncIterator[Operator]:
    started = await start_operator(time_scale=0.05, azure_rate_scale=100, kubeconfig=way.kubeconfig)
    yield started
    started.kill()


class Fate(Enum):
    """What becomes of a write that was under way when the process died."""

    NEVER = "never takes effect"
    BEFORE = "takes effect before the next process starts"
    LATE = "takes effect when the next process is at work"


class Moment(Enum):
    """In the life of an object: what somebody has just done to it."""

    CREATION = "created"
    EDIT = "edited"
    DELETION = "deleted"

    def comes_after(self, other: "Moment") -> bool:
        return list(Moment).index(self) > list(Moment).index(other)


@dataclass(frozen=True, slots=True)
class Scene:
    """The write that the process dies in: to Azure by one of `methods`, else to Kubernetes, a PATCH of this `part`.

    `is_abandoned`: while no process is there, somebody deletes the object.
    """

    moment: Moment
    methods: tuple[str, ...] = ()
    part: str = ""
    is_abandoned: bool = False

    @property
    def end(self) -> Moment:
        """What has been done to the object in the end."""
        return Moment.DELETION if self.is_abandoned else self.moment


SCENES = {
    "creation": Scene(Moment.CREATION, ("POST", "PUT")),
    "abandoned": Scene(Moment.CREATION, ("POST", "PUT"), is_abandoned=True),
    "update": Scene(Moment.EDIT, ("PATCH", "PUT")),
    "removal": Scene(Moment.DELETION, ("DELETE",)),
    "finalizer-comes": Scene(Moment.CREATION),
    "first-status": Scene(Moment.CREATION, part="/status"),
    "later-status": Scene(Moment.EDIT, part="/status"),
    "finalizer-goes": Scene(Moment.DELETION),
}


@dataclass(frozen=True, slots=True)
class Stopped:
    """A write that does not get through before `release`. `hits` counts what was stopped."""

    hits: Callable[[], int]
    release: Callable[[], object]


@dataclass
class Actor:
    """One object in one scene, on a target of its own."""

    world: World
    name: str
    scene: Scene
    key: str
    target: Manifest
    clean: dict[Moment, dict[str, Any]] = field(default_factory=dict)
    """How it stands after each moment of a life that nothing disturbs."""

    def manifest(self, moment: Moment) -> Manifest:
        """What somebody applies."""
        more = {"audience": "api://edited"} if moment is Moment.EDIT else {}
        return self.world.federation(from_oidc(subject=self.name, **more), name=self.name, target=self.target)

    def stands(self) -> dict[str, Any]:
        """All that is known of it, in Azure and in Kubernetes."""
        held = self.world.holder(self.key).credentials
        return {
            "azure": {c.name: (c.issuer, c.subject, c.audiences, c.description) for c in held},
            "status": _without_times(self.world.status(self.name)),
        }

    def stop(self, fate: Fate, way: Passage) -> Stopped:
        """Stop the write of its scene, once."""
        is_lost = fate is Fate.NEVER
        if self.scene.methods:
            fault = Fault(methods=self.scene.methods, path_regex=self.address, hang=is_lost, hold=not is_lost, times=1)
            handle = self.world.azure.faults.add(fault)
            return Stopped(lambda: handle.hits, handle.remove)
        hold = way.hold("PATCH", f"/{FEDERATIONS}/{self.name}{self.scene.part}$")
        return Stopped(lambda: hold.hits, hold.drop if is_lost else hold.let_go)

    @property
    def address(self) -> str:
        """A pattern for the paths under which Azure has its target."""
        holder = self.world.holder(self.key)
        return f"(?i){re.escape(holder.object_id if isinstance(holder, Application) else self.key)}"

    def when_looked_at(self, act: Callable[[], object]) -> None:
        """Act a moment after the next list of its target's credentials."""
        loop = asyncio.get_running_loop()

        def later(_: Call) -> None:
            loop.call_later(A_MOMENT, act)

        look = Fault(methods=("GET",), path_regex=f"{self.address}{CREDENTIALS}", times=1)
        self.world.azure.faults.add(look, notify=later)


def _without_times(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_times(inner) for inner in value]
    if not isinstance(value, Mapping):
        return value
    return {key: _without_times(inner) for key, inner in value.items() if key not in APART}


async def cast(world: World) -> list[Actor]:
    """An object for each scene and kind of target; others hold something there, too."""
    made = []
    for scene, kind in product(SCENES, TARGETS):
        name = f"{scene}-{kind}"
        key, target = world.new_target(kind, name)
        world.holder(key).add_foreign_credential(name="of-others", issuer="https://issuer.example", subject="others")
        made.append(Actor(world, name, SCENES[scene], key, target))
    await world.connect()
    return made


async def act(moment: Moment, actors: list[Actor]) -> None:
    """Have somebody do to each of them what belongs to a moment."""
    world = actors[0].world
    if moment is Moment.DELETION:
        await world.delete(*(actor.name for actor in actors))
    else:
        await world.apply(*(actor.manifest(moment) for actor in actors))


async def rest(moment: Moment, actors: list[Actor]) -> None:
    """Wait for what is to come of that."""
    world = actors[0].world
    await (world.until_gone if moment is Moment.DELETION else world.until_ready)(*(actor.name for actor in actors))


@pytest.mark.parametrize("fate", Fate, ids=lambda fate: fate.name)
async def test_a_write_under_way_when_the_process_is_killed_changes_nothing_in_the_end(
    world: World, operator: Operator, way: Passage, fate: Fate
) -> None:
    actors = await cast(world)
    before = [actor.stands() for actor in actors]
    for moment in Moment:
        await act(moment, actors)
        await rest(moment, actors)
        for actor in actors:
            actor.clean[moment] = actor.stands()
    assert [actor.clean[Moment.DELETION] for actor in actors] == before

    for moment in (Moment.CREATION, Moment.EDIT):
        later = [actor for actor in actors if actor.scene.moment.comes_after(moment)]
        await act(moment, later)
        await rest(moment, later)
    stopped = [actor.stop(fate, way) for actor in actors]
    scenes = {moment: [actor for actor in actors if actor.scene.moment is moment] for moment in Moment}
    for moment in Moment:
        await act(moment, scenes[moment])
    await world.until(lambda: [one.hits() for one in stopped] == [1] * len(actors), "every write under way")
    operator.kill()
    await world.delete(*(actor.name for actor in actors if actor.scene.is_abandoned))
    for actor, one in zip(actors, stopped, strict=True):
        if fate is Fate.LATE:
            actor.when_looked_at(one.release)
        else:
            one.release()
    operator.start()

    ends = {moment: [actor for actor in actors if actor.scene.end is moment] for moment in Moment}
    for moment, some in ends.items():
        await rest(moment, some)
    clean = [actor.clean[actor.scene.end] for actor in actors]
    assert [actor.stands() for actor in actors] == clean
    left = ends[Moment.CREATION] + ends[Moment.EDIT]
    writes = len(world.azure.log.writes())
    for actor in left:
        await world.second_pass(actor.name)
    assert [actor.stands() for actor in actors] == clean
    assert len(world.azure.log.writes()) == writes
    await act(Moment.DELETION, left)
    await rest(Moment.DELETION, left)
    assert [actor.stands() for actor in actors] == before


KILLS = 4
"""For thirty objects, and again for their deletion; at most five of the writes of each life take effect."""


def midst_of_writes(chance: Random) -> Fault:
    """After a few writes the next stop; when the process is dead they are lost, or take effect."""
    is_lost = chance.random() < 0.5
    return Fault(methods=WRITES, path_regex=CREDENTIALS, skip=chance.randint(0, 3), hang=is_lost, hold=not is_lost)


async def storm(world: World, operator: Operator, chance: Random, doing: Awaitable[None]) -> None:
    """Kill the process again and again in the midst of the writes to Azure that somebody's doing leads to."""
    first, *others = (midst_of_writes(chance) for _ in range(KILLS))
    writes = world.azure.faults.add(first)
    await doing
    for following in (*others, None):
        await world.until(lambda writes=writes: writes.hits, "in the midst of writes")  # type: ignore[misc]
        await asyncio.sleep(chance.uniform(0, 0.1))
        operator.kill()
        writes.remove()
        if following is not None:
            writes = world.azure.faults.add(following)
        operator.start()


async def test_a_storm_of_kills_leaves_one_credential_each_and_then_none(world: World, operator: Operator) -> None:
    chance = Random(1)
    foreign = {key: world.holder(key).credentials for key, _ in TARGETS.values()}
    names = {kind: [f"{kind}-{number}" for number in range(15)] for kind in TARGETS}
    everybody = [name for some in names.values() for name in some]
    manifests = [
        world.federation(from_oidc(subject=name), name=name, target=target)
        for kind, (_, target) in TARGETS.items()
        for name in names[kind]
    ]
    await storm(world, operator, chance, world.apply(*manifests))
    await world.until_ready(*everybody)
    for kind, (key, _) in TARGETS.items():
        assert sorted(str(subject) for subject in world.ours(key).values()) == sorted(names[kind])

    await storm(world, operator, chance, world.delete(*everybody))
    await world.until_gone(*everybody)
    assert {key: world.holder(key).credentials for key, _ in TARGETS.values()} == foreign
