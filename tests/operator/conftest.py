"""What tests of the operator on a real API server share."""

from kube_world import cluster
from operator_process import start_operator
from operator_world import new_world, world

__all__ = ["cluster", "new_world", "start_operator", "world"]
