"""One parent is brought to what is asked: whatever a status says, only what carries a mark of ours is ever touched."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrafed.api.choices import DriftPolicy
from entrafed.api.reasons import Reason
from entrafed.domain.asks import Ask, Record, Stance
from entrafed.domain.credentials import ObservedCredential, Parent, ParentKind, Trust
from entrafed.domain.errors import AlreadyThere, AzureProblem, NotFound, ProblemKind
from entrafed.domain.marks import owner_mark, read_mark
from unit.domain.federations import IDENTITY, TENANT
from unit.engine.port_fakes import problem
from unit.engine.settling import (
    CLUSTER,
    FOREIGN,
    FORMER,
    PARENT,
    TIMING,
    Settling,
    asking,
    named,
    record,
    standing,
    trust,
)

A, B, C = trust("a"), trust("b"), trust("c")


def is_ours(name: str) -> bool:
    mark = read_mark(name)
    return mark is not None and mark.cluster in (CLUSTER, FORMER)


# A status that was written by hand


@pytest.mark.parametrize("name", ["by-hand", "BY-HAND", "mif-", named("web", A, FOREIGN)])
async def test_what_a_forged_record_names_is_not_deleted_even_when_a_list_lacks_it(name: str) -> None:
    world = Settling((standing(name.lower(), A),))
    world.azure.lists = [(), (), ()]
    await world.settle(asking("web", stance=Stance.LEAVE, records=(record(name, B),)))
    assert world.azure.names("delete") == []
    assert list(world.held()) == [name.lower()]


@pytest.mark.parametrize("spelled", [str.lower, str.upper])
@pytest.mark.parametrize("lagging", [True, False])
async def test_a_forged_record_does_not_reach_what_another_object_holds(spelled: type[str], lagging: bool) -> None:
    victim = named("victim", A)
    world = Settling((standing(victim, A),))
    world.azure.lists = [()] if lagging else []
    forged = record(spelled(victim), B)
    holding = replace(asking("victim", stance=Stance.KEEP), records=(record(victim, A),))
    await world.settle(holding, asking("web", stance=Stance.LEAVE, records=(forged,)))
    assert world.azure.names("delete") == []


async def test_a_true_record_that_a_list_lacks_is_deleted_all_the_same() -> None:
    """One list proves nothing: it may come from a replica that lags."""
    world = Settling((standing(named("web", A), A),))
    world.azure.lists = [()]
    await world.settle(asking("web", stance=Stance.LEAVE, records=(record(named("web", A), A),)))
    assert world.held() == {}


async def test_of_one_who_retains_what_is_denied_goes_even_when_a_list_lacks_it_and_the_rest_stays() -> None:
    denied, allowed = named("web", A), named("web", B)
    world = Settling((standing(denied, A), standing(allowed, B)))
    world.azure.lists = [()]
    both = (record(denied, A), record(allowed, B, "other"))
    retaining = replace(asking("web", stance=Stance.RETAIN, records=both), revoked=frozenset({A.pair}))
    await world.settle(retaining, seconds=TIMING.quiet * 2)
    assert list(world.held()) == [allowed]
    finding = world.table.finding_of("web")
    assert finding is not None
    assert finding.clean


async def test_what_a_lost_cluster_wrote_is_cleaned_up_by_the_one_that_replaces_it() -> None:
    name = named("web", A, FORMER)
    world = Settling((standing(name, A),))
    await world.settle(asking("web", stance=Stance.LEAVE, records=(record(name, A),)))
    assert world.held() == {}


subjects = st.sampled_from(["a", "b", "c", "d"])
trusts = st.builds(trust, subjects, st.sampled_from(["api://x", "api://y"]))
owners = st.sampled_from(["one", "two", "three"])
our_names = st.builds(named, owners, trusts, st.sampled_from([CLUSTER, FORMER]))
foreign_names = st.builds(named, owners, trusts, st.just(FOREIGN)) | st.sampled_from(["by-hand", "portal", "mif-x"])
any_names = st.builds(
    lambda name, spell: str(spell(name)), our_names | foreign_names, st.sampled_from([str, str.upper])
)
parents = st.lists(
    st.builds(standing, our_names | foreign_names, trusts),
    unique_by=(lambda c: c.name, lambda c: (c.issuer, c.subject)),
    max_size=4,
)
forgeries = st.lists(st.builds(record, any_names, trusts), max_size=4)
demands = st.lists(
    st.builds(
        lambda owner, wanted, stance, kept, revoked, records: replace(
            asking(owner, *wanted, stance=stance, records=tuple(records)),
            kept=frozenset(one.pair for one in kept),
            revoked=frozenset(one.pair for one in revoked),
        ),
        owners,
        st.lists(trusts, max_size=2),
        st.sampled_from(Stance),
        st.lists(trusts, max_size=1),
        st.lists(trusts, max_size=1),
        forgeries,
    ),
    unique_by=lambda ask: ask.uid,
    min_size=1,
    max_size=3,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(there=parents, asks=demands, lagging=st.lists(st.booleans(), max_size=3))
async def test_whatever_statuses_say_and_lists_lack_what_others_made_stays_as_it_was(
    there: list[ObservedCredential], asks: list[Ask], lagging: list[bool]
) -> None:
    world = Settling(tuple(there))
    world.azure.lists = [() if lags else tuple(there) for lags in lagging]
    await world.settle(*asks, seconds=200)
    for verb in ("delete", "update", "create"):
        assert all(is_ours(name) for name in world.azure.names(verb)), verb
    foreign = {c.name: c for c in there if not is_ours(c.name)}
    assert {name: c for name, c in world.held().items() if not is_ours(name)} == foreign


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    wanted=st.lists(trusts, min_size=1, max_size=3, unique_by=lambda t: t.pair), forged=forgeries, lags=st.booleans()
)
async def test_no_forged_status_takes_from_another_object_what_that_asks_for(
    wanted: list[Trust], forged: list[Record], lags: bool
) -> None:
    victim = asking("victim", *wanted, records=tuple(record(named("victim", one), one) for one in wanted))
    there = tuple(standing(named("victim", one), one) for one in wanted)
    world = Settling(there)
    world.azure.lists = [()] if lags else []
    for stance in (Stance.RECONCILE, Stance.LEAVE):
        await world.settle(victim, asking("web", stance=stance, records=tuple(forged)), seconds=200)
    assert not {name.lower() for name in world.azure.names("delete")} & {one.name for one in there}
    assert tuple(world.held().values()) == there


# What is denied


@pytest.mark.parametrize("stance", [Stance.LEAVE, Stance.RECONCILE])
async def test_a_new_object_to_which_a_pair_is_denied_does_not_keep_it_alive_for_another(stance: Stance) -> None:
    """Else who may make objects could defer a revocation for ever, by a new one every few minutes."""
    world = Settling((standing(named("old", A), A),))
    old = asking("old", stance=stance, records=(record(named("old", A), A),))
    new = replace(asking("new"), kept=frozenset({A.pair}))
    await world.settle(replace(old, revoked=frozenset({A.pair})), new)
    assert world.held() == {}


async def test_a_pair_that_is_denied_stays_for_a_while_for_each_object_it_was_written_for() -> None:
    name = named("one", A)
    world = Settling((standing(name, A),))
    shared = replace(asking("two"), kept=frozenset({A.pair}), records=(record(name, A),))
    await world.settle(asking("one", stance=Stance.LEAVE), shared)
    assert list(world.held()) == [name]


async def test_a_pair_that_was_written_but_never_recorded_stays_for_a_while_by_its_mark() -> None:
    world = Settling((standing(named("one", A), A),))
    await world.settle(replace(asking("one"), kept=frozenset({A.pair})))
    assert list(world.held()) == [named("one", A)]


# What others are told


async def test_what_is_left_of_one_object_is_never_told_to_another() -> None:
    world = Settling((standing(named("victim", A), A),))
    holding = replace(asking("victim", A), namespace="billing", owner=owner_mark("billing", "victim"))
    curious = asking("web", B, records=(record(named("victim", A), A),))
    await world.settle(holding, curious)
    finding = world.table.finding_of("web")
    assert finding is not None
    assert finding.left == ()
    assert set(finding.standings) == {B}


# Refusals


def refusing(name: str, kind: ProblemKind, reason: Reason = Reason.AZURE_ERROR) -> Settling:
    world = Settling()
    world.azure.refuses = lambda _verb, asked: AzureProblem(problem(reason, kind)) if asked == name else None
    return world


async def test_what_only_a_person_can_mend_is_not_tried_again_soon_and_costs_the_others_nothing() -> None:
    world = refusing(named("web", A), ProblemKind.TERMINAL)
    await world.settle(asking("web", A, B), seconds=TIMING.forbidden * 0.9)
    assert world.azure.names("create").count(named("web", A)) == 1
    assert list(world.held()) == [named("web", B)]
    await world.settle(asking("web", A, B, C), seconds=10)
    assert world.azure.names("create").count(named("web", A)) == 1
    assert named("web", C) in world.held()


async def test_what_only_a_person_can_mend_is_tried_again_after_a_while_and_when_somebody_asks() -> None:
    world = refusing(named("web", A), ProblemKind.FORBIDDEN)
    await world.settle(asking("web", A), seconds=TIMING.forbidden * 1.1)
    assert len(world.azure.names("create")) == 2
    world.settler.lanes.look_again(PARENT)
    await world.settle(asking("web", A))
    assert len(world.azure.names("create")) == 3


async def test_what_may_pass_by_itself_is_tried_again_with_growing_pauses() -> None:
    world = refusing(named("web", A), ProblemKind.TRANSIENT)
    pauses = []
    for _ in range(6):
        again = await world.settle(asking("web", A))
        assert again is not None
        pauses.append(again)
        world.clock.seconds += again
    assert len(world.azure.names("create")) == 6
    assert pauses[-1] > 8 * pauses[0]


async def test_an_outage_stops_the_run_before_the_other_items_fail_alike() -> None:
    world = refusing(named("web", A), ProblemKind.TRANSIENT, Reason.AZURE_UNAVAILABLE)
    await world.settle(asking("web", A, B, C))
    assert len(world.azure.names("create")) <= 3
    finding = world.table.finding_of("web")
    assert finding is not None
    for one in finding.standings.values():
        assert one.problem is not None


@pytest.mark.parametrize("kind", [ProblemKind.TERMINAL, ProblemKind.FORBIDDEN, ProblemKind.TRANSIENT])
async def test_what_stood_before_stays_as_long_as_its_successor_is_refused_and_is_told(kind: ProblemKind) -> None:
    old, new = named("web", A), named("web", B)
    world = Settling((standing(old, A),))
    world.azure.refuses = lambda _verb, name: AzureProblem(problem(Reason.AZURE_ERROR, kind)) if name == new else None
    edited = replace(asking("web", B, records=(record(old, A),)), items=(("item", B),))
    await world.settle(edited, seconds=TIMING.forbidden * 3)
    assert world.azure.names("create")
    assert list(world.held()) == [old]
    finding = world.table.finding_of("web")
    assert finding is not None
    assert [left.credential.name for left in finding.left] == [old]
    assert finding.standings[B].problem == problem(Reason.AZURE_ERROR, kind)
    world.azure.refuses = lambda _verb, _name: None
    await world.settle(edited, seconds=TIMING.forbidden * 1.1)
    assert list(world.held()) == [new]


async def test_what_is_refused_takes_no_room_from_the_others() -> None:
    world = refusing(named("web", A), ProblemKind.TERMINAL)
    world.held().update({f"foreign-{n}": standing(f"foreign-{n}", trust(f"f{n}")) for n in range(19)})
    await world.settle(asking("web", A, B))
    assert named("web", B) in world.held()


# A deletion that is answered by a replica which lags


async def test_a_credential_that_was_just_written_is_not_gone_because_one_replica_does_not_know_it_yet() -> None:
    world = Settling()
    await world.settle(asking("web", A))
    name = named("web", A)
    assert list(world.held()) == [name]
    world.azure.refuses = lambda verb, _name: NotFound(problem(Reason.TARGET_NOT_FOUND)) if verb == "delete" else None
    world.azure.lists = [(), ()]
    await world.settle(asking("web", stance=Stance.LEAVE), seconds=2)
    finding = world.table.finding_of("web")
    assert finding is None or not finding.clean
    world.azure.refuses = lambda _verb, _name: None
    await world.settle(asking("web", stance=Stance.LEAVE), seconds=TIMING.quiet * 3)
    finding = world.table.finding_of("web")
    assert finding is not None
    assert finding.clean
    assert world.held() == {}


# A list that comes from a replica which lags, after Azure itself said how it is


def refusing_removals(world: Settling, times: int) -> None:
    """Azure says, after a moment, that there is nothing of that name."""

    def refuse(verb: str, _name: str) -> NotFound | None:
        world.clock.seconds += 0.1
        is_refused = verb == "delete" and len(world.azure.names("delete")) <= times
        return NotFound(problem(Reason.PROGRESSING)) if is_refused else None

    world.azure.refuses = refuse


def conflict() -> AlreadyThere:
    return AlreadyThere(problem(Reason.CREDENTIAL_CONFLICT, ProblemKind.CONFLICT))


async def test_what_azure_says_is_there_already_is_not_sent_again_because_a_list_lacks_it() -> None:
    old, new = named("web", A), named("web", B)
    world = Settling((standing(old, A), standing(new, B)))
    world.azure.refuses = lambda verb, name: conflict() if (verb, name) == ("create", new) else None
    world.azure.lists = [(standing(old, A),) for _ in range(5)]
    edited = replace(asking("web", B, records=(record(old, A),)), items=(("item", B),))
    await world.settle(edited, seconds=3)
    assert world.azure.names("create") == [new]
    assert world.azure.names("delete") == []  # it is not certain that the successor stands
    await world.settle(edited, seconds=TIMING.lag_limit / 2)
    assert world.azure.names("create") == [new]
    assert list(world.held()) == [new]


async def test_what_azure_says_is_there_is_sent_again_when_no_replica_can_lag_any_more() -> None:
    world = Settling()
    world.azure.refuses = lambda verb, _name: conflict() if len(world.azure.names("create")) == 1 else None
    await world.settle(asking("web", A), seconds=TIMING.lag_limit * 0.9)
    assert len(world.azure.names("create")) == 1
    await world.settle(asking("web", A), seconds=TIMING.lag_limit)
    assert list(world.held()) == [named("web", A)]


async def test_a_place_that_shows_no_replicas_is_asked_again_soon() -> None:
    world = Settling(parent=Parent(ParentKind.MANAGED_IDENTITY, TENANT, IDENTITY))
    world.azure.refuses = lambda verb, _name: conflict() if len(world.azure.names("create")) == 1 else None
    await world.settle(asking("web", A), seconds=5)
    assert list(world.held()) == [named("web", A)]


async def test_what_azure_says_is_gone_is_not_removed_again_because_a_list_shows_it() -> None:
    name = named("web", A)
    world = Settling()
    refusing_removals(world, times=99)
    world.azure.lists = [(standing(name, A),) for _ in range(5)]
    leaving = asking("web", stance=Stance.LEAVE, records=(record(name, A),))
    await world.settle(leaving, seconds=3)
    assert world.azure.names("delete") == [name]
    finding = world.table.finding_of("web")
    assert finding is not None
    assert [(left.credential.name, left.problem) for left in finding.left] == [(name, None)]
    await world.settle(leaving, seconds=TIMING.lag_limit * 2)
    finding = world.table.finding_of("web")
    assert finding is not None
    assert finding.clean
    assert world.azure.names("delete") == [name]


async def test_what_lists_go_on_to_show_is_removed_though_azure_once_said_that_it_was_gone() -> None:
    name = named("web", A)
    world = Settling((standing(name, A),))
    refusing_removals(world, times=1)
    leaving = asking("web", stance=Stance.LEAVE, records=(record(name, A),))
    await world.settle(leaving, seconds=TIMING.lag_limit * 3)
    assert world.azure.names("delete") == [name, name]
    assert world.held() == {}


async def test_what_is_asked_for_again_after_it_was_gone_is_made_at_once() -> None:
    name = named("web", A)
    world = Settling()
    refusing_removals(world, times=1)
    world.azure.lists = [(standing(name, A),)]
    await world.settle(asking("web", records=(record(name, A),)))
    world.azure.lists = [()]
    world.settler.lanes.look_again(world.parent)
    await world.settle(asking("web", A))
    assert list(world.held()) == [name]
    await world.settle(asking("web"))
    assert world.held() == {}


# A parent that is gone


def gone() -> NotFound:
    return NotFound(problem(Reason.TARGET_NOT_FOUND, ProblemKind.WAITING))


async def test_one_who_leaves_a_parent_that_is_gone_may_go_when_that_is_proved() -> None:
    world = Settling()
    world.azure.lists = [gone() for _ in range(20)]
    leaving = asking("web", stance=Stance.LEAVE, records=(record(named("web", A), A),))
    await world.settle(leaving)
    finding = world.table.finding_of("web")
    assert finding is not None
    assert not finding.clean
    await world.settle(leaving, seconds=TIMING.gone_interval * 3)
    finding = world.table.finding_of("web")
    assert finding is not None
    assert finding.clean
    assert len(world.azure.names("own")) >= 2


async def test_what_was_proved_for_one_says_nothing_when_the_next_cannot_even_look() -> None:
    """The application may have been restored since."""
    world = Settling()
    world.azure.lists = [gone() for _ in range(20)]
    await world.settle(asking("first", stance=Stance.LEAVE), seconds=TIMING.gone_interval * 3)
    world.azure.lists = [AzureProblem(problem(Reason.THROTTLED, ProblemKind.THROTTLED))]
    await world.settle(asking("second", stance=Stance.LEAVE, records=(record(named("second", A), A),)))
    finding = world.table.finding_of("second")
    assert finding is not None
    assert not finding.clean


# What nobody owns


async def test_orphans_are_counted_while_somebody_asks_at_their_parent() -> None:
    """Afterwards nobody looks: a number that nobody looks after would be a guess."""
    world = Settling((standing(named("long-gone", B), B),))
    await world.settle(asking("web", A))
    assert world.counting.counts == {PARENT: 1}
    world.table.drop("web")
    again = await world.settle()
    assert world.counting.counts == {PARENT: 0}
    assert again  # what was written here is remembered all the same, while a list could lack it


async def test_orphans_of_a_target_that_is_gone_are_gone_with_it() -> None:
    world = Settling((standing(named("long-gone", B), B),))
    await world.settle(asking("web", A))
    world.azure.lists = [gone() for _ in range(200)]
    await world.settle(seconds=TIMING.resync * 1.3)
    assert world.counting.counts == {PARENT: 0}


async def test_what_the_operator_removed_itself_and_is_wanted_again_is_no_drift() -> None:
    """Its status still records it: the spec was changed back before that was written. Nor is it when the first try to
    make it again gets lost."""
    name = named("web", A)
    settling = Settling((standing(name, A),))
    recorded = replace(asking("web", records=(record(name, A),)), drift=DriftPolicy.REPORT)
    await settling.settle(recorded)
    assert settling.held() == {}
    settling.clock.seconds += 1
    settling.azure.refuses = lambda _verb, _name: AzureProblem(problem(Reason.AZURE_UNAVAILABLE), answered=False)
    await settling.settle(replace(recorded, wanted=frozenset({A})))
    settling.azure.refuses = lambda _verb, _name: None
    await settling.settle(seconds=60)
    assert list(settling.held()) == [name]
    assert settling.repaired == []
