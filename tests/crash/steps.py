"""What somebody does in a step of a scenario."""

from dataclasses import replace

from crash.lives import Act, Step
from engine_world import NAMESPACE, EngineWorld, Manifest, federation

LATER = 90.0  # seconds, after which no own write is taken for newer than a list that contradicts it
REVOCATION = 660.0  # seconds: the delay of a revocation, and a little more


def apply(*items: Manifest, **more: object) -> Act:
    return lambda world: world.cluster.apply(federation(*items, **more))  # type: ignore[arg-type]


def applied(*items: Manifest, **more: object) -> Step:
    return Step(apply(*items, **more))


def deleted(*names: str) -> Step:
    def act(world: EngineWorld) -> None:
        for name in names:
            world.cluster.delete("ManagedIdentityFederation", NAMESPACE, name)

    return Step(act)


def long_ago(step: Step) -> Step:
    return replace(step, later=LATER)


def waited(seconds: float) -> Step:
    return Step(lambda _: None, later=seconds)


def together(*steps: Step) -> Step:
    def act(world: EngineWorld) -> None:
        for step in steps:
            step.act(world)

    return Step(act)


def look_again(world: EngineWorld) -> None:
    world.cluster.request_reconcile(NAMESPACE, "web", "please")
