"""The simulated Azure Resource Manager."""

from entrafed_lab.azure.arm.service import Arm

__all__ = ["Arm"]
