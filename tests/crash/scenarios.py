"""Every scenario that the operator may die in."""

from typing import Any

from crash.assignment_scenarios import ASSIGNMENTS
from crash.lives import Act, Scenario, Step
from crash.steps import LATER, REVOCATION, applied, deleted, long_ago, look_again, together, waited
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
    flexible,
    oidc,
)
from entrafed.api.outputs import CLIENT_ID_ANNOTATION
from entrafed.api.states import OutputKind
from entrafed.domain.outputs import Output
from entrafed_lab.azure.seed import API_IDENTITY, READER_APP, WEB_IDENTITY
from lab_fixtures import CLUSTER_ISSUER

ROTATION = 720.0  # seconds, after which an issuer that the API server announces no more begins to retire
GRACE = 1900.0  # seconds, after which it has retired
GREEN = "https://oidc.example/green/"
VM = {"name": "vm", "managedIdentity": {"resourceId": API_IDENTITY}}
ISSUER = "https://issuer.example"


def _found_later(act: Act) -> tuple[Step, ...]:
    """Somebody changes Azure, and has the operator look as soon as every replica shows it."""
    return (long_ago(Step(act)), Step(look_again))


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

    return long_ago(Step(act))


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
    look_again(world)


def _client_id_set_by_others(world: EngineWorld) -> None:
    world.cluster.set_value(Output(OutputKind.SERVICE_ACCOUNT, "web"), NAMESPACE, CLIENT_ID_ANNOTATION, "theirs")
    look_again(world)


def _target_identity_made_again(world: EngineWorld) -> None:
    world.azure.world.recreate_identity(WEB_IDENTITY)
    look_again(world)


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
    repaired = (long_ago(applied(A, WEB, **on)),)
    reported = (long_ago(applied(A, driftPolicy="Report", **on)),)
    return tuple(
        scenario
        for name, act in what.items()
        for scenario in (
            Scenario(f"{name} by others on {kind}", _found_later(act), repaired),
            Scenario(
                f"{name} by others on {kind}, only reported",
                (*_found_later(act), applied(A, **on), deleted("web")),
                reported,
            ),
        )
    )


def _on(target: Manifest) -> tuple[Scenario, ...]:
    """What can happen on an application and on a managed identity alike."""
    kind = next(iter(target))
    on = {"target": target}
    shared = (applied(oidc("a", "shared"), **ONE, **on), applied(oidc("b", "shared"), B, **TWO, **on))
    rotated = Step(_issuer_changed, later=ROTATION)
    return (
        Scenario(f"creation on {kind}", (applied(A, WEB, **on),)),
        Scenario(
            f"issuer rotated on {kind}",
            (rotated, waited(GRACE), deleted("web")),
            (long_ago(applied(A, WEB, **on)),),
        ),
        Scenario(f"pair edited on {kind}", (applied(oidc("a", "job-2"), WEB, **on),), (applied(A, WEB, **on),)),
        Scenario(f"audience edited on {kind}", (applied({**A, "audience": "api://x"}, **on),), (applied(A, **on),)),
        Scenario(f"item removed on {kind}", (applied(B, **on),), (applied(A, B, **on),)),
        Scenario(f"deletion on {kind}", (deleted("web"),), (applied(A, WEB, **on),)),
        Scenario(f"one shared pair, both leave, on {kind}", (deleted("one"), deleted("two")), shared),
        Scenario(f"two at once on {kind}", (together(*shared), together(deleted("one"), deleted("two")))),
        Scenario(
            f"room for one who waits, on {kind}",
            (applied(A, **on), *_one_removed_by_others(target)),
            (_filled(target),),
        ),
        Scenario(
            f"room for one who waits when another leaves, on {kind}",
            (applied(B, **TWO, **on), deleted("one")),
            (applied(A, **ONE, **on), _filled(target)),
        ),
        *_drift(target),
    )


FLEXIBLE = (
    Scenario("flexible: creation", (applied(flexible(), A),)),
    Scenario("flexible: pattern edited", (applied(flexible(pattern="repo:contoso/web:*")),), (applied(flexible()),)),
    Scenario("flexible: audience edited", (applied(flexible(audience="api://x")),), (applied(flexible()),)),
    Scenario("flexible: made exact and back", (applied(A), applied(flexible("a"))), (applied(flexible("a")),)),
    Scenario("flexible: deletion", (deleted("web"),), (applied(flexible(), A),)),
    Scenario(
        "flexible: one shared expression, both leave",
        (deleted("one"), deleted("two")),
        (applied(flexible("a"), **ONE), applied(flexible("b"), B, **TWO)),
    ),
    Scenario(
        "flexible: expression changed by others",
        _found_later(_changed_by_others(APPLICATION, expression="claims['sub'] matches '*'")),
        (long_ago(applied(flexible())),),
    ),
)
"""With credentials that have an expression in place of a subject: on applications only, and by another version of
Graph."""


def _with_outputs() -> tuple[Scenario, ...]:
    """What is written into the namespace."""
    there = Step(_account_made)
    written = (there, applied(ANNOTATED, **ENTRA))
    retaining = (there, applied(ANNOTATED, **ENTRA, deletionPolicy="Retain"))
    both = (there, applied(ANNOTATED, **ONE), applied(ANNOTATED, **TWO))
    other = applied(oidc("b"), **ENTRA, **TWO, target=IDENTITY)
    withdrawn = Step(lambda world: world.connect({**EVERYTHING, "federatedCredentials": []}), later=REVOCATION)
    return (
        Scenario("outputs created", (applied(ANNOTATED, **ENTRA),), (there,)),
        Scenario("outputs opted out of", (applied(WEB),), written),
        Scenario("output renamed", (applied(ANNOTATED, output=config_map("other")),), written),
        Scenario("outputs deleted", (deleted("web"),), written),
        Scenario("outputs created and deleted at once", (together(applied(ANNOTATED, **ENTRA), deleted("web")),)),
        Scenario("outputs retained and found again", (deleted("web"), *written[1:], deleted("web")), retaining),
        Scenario(
            "outputs retained by one that was to delete",
            (together(deleted("web"), applied(ANNOTATED, **ENTRA, deletionPolicy="Retain")),),
            written,
        ),
        Scenario("service account made later", (applied(ANNOTATED), there), ()),
        Scenario("annotations asked for by two, both leave", (deleted("one"), deleted("two")), both),
        Scenario("ConfigMap handed over", (other, deleted("web"), deleted("two")), written),
        Scenario("outputs removed by others", (Step(_outputs_removed_by_others),), written),
        Scenario("annotation set by others, then deletion", (Step(_client_id_set_by_others), deleted("web")), written),
        Scenario("rule of outputs withdrawn and given back", (withdrawn, Step(_rule_given_back)), written),
        Scenario(
            "output of an identity made again",
            (Step(_target_identity_made_again),),
            (applied(**ENTRA, target=IDENTITY),),
        ),
    )


SCENARIOS = (
    *_on(APPLICATION),
    *_on(IDENTITY),
    *FLEXIBLE,
    *_with_outputs(),
    *ASSIGNMENTS,
    Scenario(
        "items renamed and swapped",
        (applied(oidc("a", "two"), oidc("c", "one")),),
        (applied(oidc("a", "one"), oidc("b", "two")),),
    ),
    Scenario("deletion with Retain", (deleted("web"),), (applied(A, deletionPolicy="Retain"),)),
    Scenario(
        "shared pair, the first deletes, the last retains",
        (deleted("one"), deleted("two")),
        (applied(oidc("a", "shared"), **ONE), applied(oidc("a", "shared"), **TWO, deletionPolicy="Retain")),
    ),
    Scenario(
        "rule withdrawn and given back",
        (Step(_rule_withdrawn, later=REVOCATION), Step(_rule_given_back)),
        (applied(A, WEB),),
    ),
    Scenario(
        "rule withdrawn, then deletion with Retain",
        (Step(_rule_withdrawn), deleted("web")),
        (applied(A, WEB, deletionPolicy="Retain"),),
    ),
    Scenario(
        "rule withdrawn and deletion with Retain in the same moment",
        (together(Step(_rule_withdrawn), deleted("web")),),
        (applied(A, WEB, deletionPolicy="Retain"),),
    ),
    Scenario(
        "suspended, edited, deleted",
        (applied(A, suspend=True), applied(B, suspend=True), deleted("web")),
        (applied(A),),
    ),
    Scenario("suspended, edited, resumed", (applied(B, suspend=True), applied(B)), (applied(A),)),
    Scenario("equal made by others", (applied(A, B), deleted("web")), (long_ago(Step(_equal_by_others)),)),
    Scenario(
        "no room for a second",
        (applied(B), *_one_removed_by_others()),
        (applied(A), _filled()),
    ),
    Scenario(
        "issuer rotated without room",
        (Step(_issuer_changed, later=ROTATION), waited(LATER)),
        (applied(WEB), _filled()),
    ),
    Scenario(
        "issuer rotated, then the item removed",
        (Step(_issuer_changed, later=ROTATION), applied(A)),
        (long_ago(applied(A, WEB)),),
    ),
    Scenario(
        "one cluster in place of another",
        (Step(_both_issuers), Step(_one_issuer, later=GRACE)),
        (long_ago(applied(A, WEB)),),
    ),
    Scenario("source identity made again", _found_later(_identity_made_again), (long_ago(applied(VM)),)),
    Scenario("target deleted, then the object", (Step(_target_deleted),), (long_ago(applied(A)),)),
    Scenario("created and deleted at once", (together(applied(A), deleted("web")),)),
    Scenario(
        "deleted with Retain and made again",
        (deleted("web"), applied(A, WEB), deleted("web")),
        (applied(A, B, deletionPolicy="Retain"),),
    ),
    Scenario(
        "two audiences for one pair, the first leaves",
        (applied({**oidc("b", "job-a"), "audience": "api://x"}, **TWO), deleted("web"), deleted("two")),
        (applied(A),),
    ),
    Scenario(
        "switched to Retain while deleting",
        (together(deleted("web"), applied(A, deletionPolicy="Retain")),),
        (applied(A),),
    ),
)
