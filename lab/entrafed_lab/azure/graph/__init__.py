"""The simulated Microsoft Graph."""

from entrafed_lab.azure.graph.service import Graph

__all__ = ["Graph"]
