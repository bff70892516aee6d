"""Every scenario that the operator may die in."""

from dataclasses import replace
from typing import Any

from crash.lives import Act, Scenario, Step
from engine_world import (
    APPLICATION,
    EVERYTHING,
    IDENTITY,
    NAMESPACE,
    EngineWorld,
    Manifest,
    account,
    annotated,
    config_map,
    federation,
    flexible,
    oidc,
)
from entrafed.api.outputs import CLIENT_ID_ANNOTATION
from entrafed.api.states import OutputKind
from entrafed.domain.outputs import Output
from entrafed_lab.azure.seed import API_IDENTITY, READER_APP, WEB_IDENTITY
from lab_fixtures import CLUSTER_ISSUER

REVOCATION = 660.0  # seconds: the delay of a revocation, and a little more
LATER = 90.0  # seconds, after which no own write is taken for newer than a list that contradicts it
ROTATION = 720.0  # seconds, after which an issuer that the API server announces no more begins to retire
GRACE = 1900.0  # seconds, after which it has retired
GREEN = "https://oidc.example/green/"
VM = {"name": "vm", "managedIdentity": {"resourceId": API_IDENTITY}}
ISSUER = "https://issuer.example"


def _apply(*items: Manifest, **more: object) -> Act:
    return lambda world: world.cluster.apply(federation(*items, **more))  # type: ignore[arg-type]


def _applied(*items: Manifest, **more: object) -> Step:
    return Step(_apply(*items, **more))


def _deleted(*names: str) -> Step:
    def act(world: EngineWorld) -> None:
        for name in names:
            world.cluster.delete("ManagedIdentityFederation", NAMESPACE, name)

    return Step(act)


def _long_ago(step: Step) -> Step:
    return replace(step, later=LATER)


def _waited(seconds: float) -> Step:
    return Step(lambda _: None, later=seconds)


def _together(*steps: Step) -> Step:
    def act(world: EngineWorld) -> None:
        for step in steps:
            step.act(world)

    return Step(act)


def _look_again(world: EngineWorld) -> None:
    world.cluster.request_reconcile(NAMESPACE, "web", "please")


def _found_later(act: Act) -> tuple[Step, ...]:
    """Somebody changes Azure, and has the operator look as soon as every replica shows it."""
    return (_long_ago(Step(act)), Step(_look_again))


def _holder(target: Manifest) -> str:
    return READER_APP if target == APPLICATION else WEB_IDENTITY


def _removed_by_others(target: Manifest) -> Act:
    def act(world: EngineWorld) -> None:
        key = _holder(target)
        world.azure.world.holder(key).remove(next(iter(world.ours(key))))

    return act


def _changed_by_others(target: Manifest, **change: Any) -> Act:
    def act(world: EngineWorld) -> None:
        key = _holder(target)
        world.azure.world.holder(key).change_credential(next(iter(world.ours(key))), **change)

    return act


def _equal_by_others(world: EngineWorld) -> None:
    holder = world.azure.world.holder(READER_APP)
    holder.add_foreign_credential(name="made-by-others", issuer=ISSUER, subject="job-a")


def _filled(target: Manifest = APPLICATION) -> Step:
    """Others take all the room that there is, long ago."""

    def act(world: EngineWorld) -> None:
        holder = world.azure.world.holder(_holder(target))
        for number in range(20 - len(holder.credentials)):
            holder.add_foreign_credential(name=f"other-{number}", issuer=ISSUER, subject=f"other-{number}")

    return _long_ago(Step(act))


def _one_removed_by_others(target: Manifest = APPLICATION) -> tuple[Step, ...]:
    return _found_later(lambda world: world.azure.world.holder(_holder(target)).remove("other-0"))


def _rule_withdrawn(world: EngineWorld) -> None:
    left = [m for m in EVERYTHING["federatedCredentials"] if m.get("issuer") != ISSUER]
    world.connect({**EVERYTHING, "federatedCredentials": left})


def _rule_given_back(world: EngineWorld) -> None:
    world.connect(EVERYTHING)


def _identity_made_again(world: EngineWorld) -> None:
    world.azure.world.recreate_identity(API_IDENTITY)


def _issuer_changed(world: EngineWorld) -> None:
    world.cluster.announces = lambda: GREEN


def _both_issuers(world: EngineWorld) -> None:
    world.connect(EVERYTHING, clusterIssuers=[CLUSTER_ISSUER, GREEN])


def _one_issuer(world: EngineWorld) -> None:
    world.connect(EVERYTHING, clusterIssuers=[GREEN])


def _target_deleted(world: EngineWorld) -> None:
    world.azure.world.delete_application(READER_APP)
    world.cluster.delete("ManagedIdentityFederation", NAMESPACE, "web")


def _account_made(world: EngineWorld) -> None:
    world.service_account()


def _outputs_removed_by_others(world: EngineWorld) -> None:
    world.cluster.set_value(Output(OutputKind.SERVICE_ACCOUNT, "web"), NAMESPACE, CLIENT_ID_ANNOTATION, None)
    world.cluster.delete("ConfigMap", NAMESPACE, "web-entra")
    _look_again(world)


def _client_id_set_by_others(world: EngineWorld) -> None:
    world.cluster.set_value(Output(OutputKind.SERVICE_ACCOUNT, "web"), NAMESPACE, CLIENT_ID_ANNOTATION, "theirs")
    _look_again(world)


def _target_identity_made_again(world: EngineWorld) -> None:
    world.azure.world.recreate_identity(WEB_IDENTITY)
    _look_again(world)


A, B, WEB = oidc("a"), oidc("b"), account("web")
ANNOTATED, ENTRA = annotated("web"), {"output": config_map("web-entra")}
ONE, TWO = {"name": "one"}, {"name": "two"}


def _drift(target: Manifest) -> tuple[Scenario, ...]:
    """Somebody changes what is ours, and it is set right; or it is only told, then set right on a second thought, and
    cleaned up."""
    kind, on = next(iter(target)), {"target": target}
    what = {
        "credential removed": _removed_by_others(target),
        "subject changed": _changed_by_others(target, subject="job-of-others"),
        "audience changed": _changed_by_others(target, audiences=("api://others",)),
    }
    repaired = (_long_ago(_applied(A, WEB, **on)),)
    reported = (_long_ago(_applied(A, driftPolicy="Report", **on)),)
    return tuple(
        scenario
        for name, act in what.items()
        for scenario in (
            Scenario(f"{name} by others on {kind}", _found_later(act), repaired),
            Scenario(
                f"{name} by others on {kind}, only reported",
                (*_found_later(act), _applied(A, **on), _deleted("web")),
                reported,
            ),
        )
    )


def _on(target: Manifest) -> tuple[Scenario, ...]:
    """What can happen on an application and on a managed identity alike."""
    kind = next(iter(target))
    on = {"target": target}
    shared = (_applied(oidc("a", "shared"), **ONE, **on), _applied(oidc("b", "shared"), B, **TWO, **on))
    rotated = Step(_issuer_changed, later=ROTATION)
    return (
        Scenario(f"creation on {kind}", (_applied(A, WEB, **on),)),
        Scenario(
            f"issuer rotated on {kind}",
            (rotated, _waited(GRACE), _deleted("web")),
            (_long_ago(_applied(A, WEB, **on)),),
        ),
        Scenario(f"pair edited on {kind}", (_applied(oidc("a", "job-2"), WEB, **on),), (_applied(A, WEB, **on),)),
        Scenario(f"audience edited on {kind}", (_applied({**A, "audience": "api://x"}, **on),), (_applied(A, **on),)),
        Scenario(f"item removed on {kind}", (_applied(B, **on),), (_applied(A, B, **on),)),
        Scenario(f"deletion on {kind}", (_deleted("web"),), (_applied(A, WEB, **on),)),
        Scenario(f"one shared pair, both leave, on {kind}", (_deleted("one"), _deleted("two")), shared),
        Scenario(f"two at once on {kind}", (_together(*shared), _together(_deleted("one"), _deleted("two")))),
        Scenario(
            f"room for one who waits, on {kind}",
            (_applied(A, **on), *_one_removed_by_others(target)),
            (_filled(target),),
        ),
        Scenario(
            f"room for one who waits when another leaves, on {kind}",
            (_applied(B, **TWO, **on), _deleted("one")),
            (_applied(A, **ONE, **on), _filled(target)),
        ),
        *_drift(target),
    )


FLEXIBLE = (
    Scenario("flexible: creation", (_applied(flexible(), A),)),
    Scenario("flexible: pattern edited", (_applied(flexible(pattern="repo:contoso/web:*")),), (_applied(flexible()),)),
    Scenario("flexible: audience edited", (_applied(flexible(audience="api://x")),), (_applied(flexible()),)),
    Scenario("flexible: made exact and back", (_applied(A), _applied(flexible("a"))), (_applied(flexible("a")),)),
    Scenario("flexible: deletion", (_deleted("web"),), (_applied(flexible(), A),)),
    Scenario(
        "flexible: one shared expression, both leave",
        (_deleted("one"), _deleted("two")),
        (_applied(flexible("a"), **ONE), _applied(flexible("b"), B, **TWO)),
    ),
    Scenario(
        "flexible: expression changed by others",
        _found_later(_changed_by_others(APPLICATION, expression="claims['sub'] matches '*'")),
        (_long_ago(_applied(flexible())),),
    ),
)
"""With credentials that have an expression in place of a subject: on applications only, and by another version of
Graph."""


def _with_outputs() -> tuple[Scenario, ...]:
    """What is written into the namespace."""
    there = Step(_account_made)
    written = (there, _applied(ANNOTATED, **ENTRA))
    retaining = (there, _applied(ANNOTATED, **ENTRA, deletionPolicy="Retain"))
    both = (there, _applied(ANNOTATED, **ONE), _applied(ANNOTATED, **TWO))
    other = _applied(oidc("b"), **ENTRA, **TWO, target=IDENTITY)
    withdrawn = Step(lambda world: world.connect({**EVERYTHING, "federatedCredentials": []}), later=REVOCATION)
    return (
        Scenario("outputs created", (_applied(ANNOTATED, **ENTRA),), (there,)),
        Scenario("outputs opted out of", (_applied(WEB),), written),
        Scenario("output renamed", (_applied(ANNOTATED, output=config_map("other")),), written),
        Scenario("outputs deleted", (_deleted("web"),), written),
        Scenario("outputs created and deleted at once", (_together(_applied(ANNOTATED, **ENTRA), _deleted("web")),)),
        Scenario("outputs retained and found again", (_deleted("web"), *written[1:], _deleted("web")), retaining),
        Scenario(
            "outputs retained by one that was to delete",
            (_together(_deleted("web"), _applied(ANNOTATED, **ENTRA, deletionPolicy="Retain")),),
            written,
        ),
        Scenario("service account made later", (_applied(ANNOTATED), there), ()),
        Scenario("annotations asked for by two, both leave", (_deleted("one"), _deleted("two")), both),
        Scenario("ConfigMap handed over", (other, _deleted("web"), _deleted("two")), written),
        Scenario("outputs removed by others", (Step(_outputs_removed_by_others),), written),
        Scenario("annotation set by others, then deletion", (Step(_client_id_set_by_others), _deleted("web")), written),
        Scenario("rule of outputs withdrawn and given back", (withdrawn, Step(_rule_given_back)), written),
        Scenario(
            "output of an identity made again",
            (Step(_target_identity_made_again),),
            (_applied(**ENTRA, target=IDENTITY),),
        ),
    )


SCENARIOS = (
    *_on(APPLICATION),
    *_on(IDENTITY),
    *FLEXIBLE,
    *_with_outputs(),
    Scenario(
        "items renamed and swapped",
        (_applied(oidc("a", "two"), oidc("c", "one")),),
        (_applied(oidc("a", "one"), oidc("b", "two")),),
    ),
    Scenario("deletion with Retain", (_deleted("web"),), (_applied(A, deletionPolicy="Retain"),)),
    Scenario(
        "shared pair, the first deletes, the last retains",
        (_deleted("one"), _deleted("two")),
        (_applied(oidc("a", "shared"), **ONE), _applied(oidc("a", "shared"), **TWO, deletionPolicy="Retain")),
    ),
    Scenario(
        "rule withdrawn and given back",
        (Step(_rule_withdrawn, later=REVOCATION), Step(_rule_given_back)),
        (_applied(A, WEB),),
    ),
    Scenario(
        "rule withdrawn, then deletion with Retain",
        (Step(_rule_withdrawn), _deleted("web")),
        (_applied(A, WEB, deletionPolicy="Retain"),),
    ),
    Scenario(
        "rule withdrawn and deletion with Retain in the same moment",
        (_together(Step(_rule_withdrawn), _deleted("web")),),
        (_applied(A, WEB, deletionPolicy="Retain"),),
    ),
    Scenario(
        "suspended, edited, deleted",
        (_applied(A, suspend=True), _applied(B, suspend=True), _deleted("web")),
        (_applied(A),),
    ),
    Scenario("suspended, edited, resumed", (_applied(B, suspend=True), _applied(B)), (_applied(A),)),
    Scenario("equal made by others", (_applied(A, B), _deleted("web")), (_long_ago(Step(_equal_by_others)),)),
    Scenario(
        "no room for a second",
        (_applied(B), *_one_removed_by_others()),
        (_applied(A), _filled()),
    ),
    Scenario(
        "issuer rotated without room",
        (Step(_issuer_changed, later=ROTATION), _waited(LATER)),
        (_applied(WEB), _filled()),
    ),
    Scenario(
        "issuer rotated, then the item removed",
        (Step(_issuer_changed, later=ROTATION), _applied(A)),
        (_long_ago(_applied(A, WEB)),),
    ),
    Scenario(
        "one cluster in place of another",
        (Step(_both_issuers), Step(_one_issuer, later=GRACE)),
        (_long_ago(_applied(A, WEB)),),
    ),
    Scenario("source identity made again", _found_later(_identity_made_again), (_long_ago(_applied(VM)),)),
    Scenario("target deleted, then the object", (Step(_target_deleted),), (_long_ago(_applied(A)),)),
    Scenario("created and deleted at once", (_together(_applied(A), _deleted("web")),)),
    Scenario(
        "deleted with Retain and made again",
        (_deleted("web"), _applied(A, WEB), _deleted("web")),
        (_applied(A, B, deletionPolicy="Retain"),),
    ),
    Scenario(
        "two audiences for one pair, the first leaves",
        (_applied({**oidc("b", "job-a"), "audience": "api://x"}, **TWO), _deleted("web"), _deleted("two")),
        (_applied(A),),
    ),
    Scenario(
        "switched to Retain while deleting",
        (_together(_deleted("web"), _applied(A, deletionPolicy="Retain")),),
        (_applied(A),),
    ),
)
