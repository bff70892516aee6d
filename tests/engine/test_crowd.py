"""A small version of `make bench` for hosts: many objects share few of them."""

import pytest

from bench.hosts import Crowd, measure_hosts

pytestmark = pytest.mark.looptime


async def test_many_objects_share_a_host_in_few_changes_none_of_which_is_refused() -> None:
    figures = await measure_hosts(Crowd(objects=30, hosts=3))
    assert (figures.conflicts, figures.throttled, figures.overlapping_writes, figures.left_behind) == (0, 0, 0, 0)
    assert figures.most_patches_of_a_host_to_assign <= 2 < figures.assignments / figures.hosts
    assert figures.most_patches_of_a_host_to_take_back <= 2
    assert 3 <= figures.kubernetes_writes_per_object <= 4


async def test_an_object_may_share_every_host() -> None:
    figures = await measure_hosts(Crowd(objects=10, hosts=4, hosts_per_object=4))
    assert figures.assignments == 40
    assert (figures.conflicts, figures.overlapping_writes, figures.left_behind) == (0, 0, 0)
    assert figures.most_patches_of_a_host_to_take_back <= 2
