"""All that speaks to Microsoft: Entra sign-in, Microsoft Graph, Azure Resource Manager.

`MicrosoftCloud` is the door. Behind it: `credential` (one token per connection and scope), `graph` and `arm` (one
function per request), `exchange` (what every request has in common), `budgets` (staying below Microsoft's limits),
`translation` (what an answer means) and `aadsts` (the codes of the token endpoint in words).
"""

from entrafed.azure.aadsts import explain
from entrafed.azure.budgets import BudgetSettings
from entrafed.azure.exchange import CallTiming
from entrafed.azure.microsoft import MicrosoftCloud

__all__ = ["BudgetSettings", "CallTiming", "MicrosoftCloud", "explain"]
