"""The simulated Azure: Entra, Graph, ARM and the token endpoints of hosts, over one world that tests may change."""

from entrafed_lab.azure.exchange import ServiceName
from entrafed_lab.azure.faults import Fault
from entrafed_lab.azure.keys import KeyRing
from entrafed_lab.azure.seed import Seed, default_seed
from entrafed_lab.azure.simulated import SimulatedAzure
from entrafed_lab.azure.timing import Delays, Rates
from entrafed_lab.azure.variants import Variants

__all__ = ["Delays", "Fault", "KeyRing", "Rates", "Seed", "ServiceName", "SimulatedAzure", "Variants", "default_seed"]
