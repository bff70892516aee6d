"""All that speaks to Microsoft: Entra sign-in, Microsoft Graph, Azure Resource Manager.

`MicrosoftCloud` is the door. Behind it: `graph` and `arm` (one function per request), `credential` (one token per
connection and scope) and `workload_identity` (where it comes from), `exchange` (what every request has in common),
`budgets` (staying below Microsoft's limits), `transport` (the way out, and what passes it), and, for answers,
`error_table` (what each documented error means), `aadsts` (the codes of the token endpoint) and `translation`.
"""

from entrafed.azure.aadsts import explain
from entrafed.azure.budgets import BudgetSettings
from entrafed.azure.exchange import CallTiming
from entrafed.azure.microsoft import MicrosoftCloud

__all__ = ["BudgetSettings", "CallTiming", "MicrosoftCloud", "explain"]
