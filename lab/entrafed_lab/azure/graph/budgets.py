"""What a Graph request costs, and which budgets pay for it.

Source: https://learn.microsoft.com/graph/throttling-limits#identity-and-access-service-limits
"""

from entrafed_lab.azure.exchange import Call, Caller
from entrafed_lab.azure.faults import WRITES
from entrafed_lab.azure.operations import operation_of
from entrafed_lab.azure.throttling import Charge, Limit

APP_IN_TENANT = Limit.per(10, 3500)  # resource units; a tenant with fewer than 50 users
APP_EVERYWHERE = Limit.per(20, 150_000)
APP_IN_TENANT_WRITES = Limit.per(150, 3000)
APP_EVERYWHERE_WRITES = Limit.per(300, 70_000)
TENANT_WRITES = Limit.per(300, 18_000)


def resource_units(call: Call) -> int:
    """The cost of one request, at least 1."""
    if call.method in WRITES:
        return 1
    units = 2 if operation_of(call).name.startswith("applications.") else 1
    top = call.query.get("$top", "")
    units -= 1 if "$select" in call.query else 0
    units += 1 if "$expand" in call.query else 0
    units -= 1 if top.isdigit() and int(top) < 20 else 0
    return max(1, units)


def charges(call: Call, caller: Caller) -> list[Charge]:
    """The budgets of the app in its tenant, of the app everywhere, and of the tenant."""
    app, tenant = caller.app_id, caller.tenant_id
    units = resource_units(call)
    found = [
        Charge(f"app {app} in {tenant}", APP_IN_TENANT, units),
        Charge(f"app {app}", APP_EVERYWHERE, units),
    ]
    if call.method in WRITES:
        found += [
            Charge(f"writes of {app} in {tenant}", APP_IN_TENANT_WRITES),
            Charge(f"writes of {app}", APP_EVERYWHERE_WRITES),
            Charge(f"writes in {tenant}", TENANT_WRITES),
        ]
    return found
