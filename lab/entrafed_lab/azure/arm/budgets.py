"""Which budgets pay for an ARM request: those of Resource Manager, and those of the identities' resource provider.

Sources: https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling and
https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations
"""

from typing import Final

from entrafed_lab.azure.arm.request import ArmRequest
from entrafed_lab.azure.exchange import Refused
from entrafed_lab.azure.throttling import Charge, Limit, Throttle, Verdict

BUCKETS: Final = {"reads": Limit(250, 25), "writes": Limit(200, 10), "deletes": Limit(200, 10)}
"""Per subscription and principal."""

PROVIDER_LIMITS: Final = {
    "PUT": (10.0, 2.0, 0.25),
    "GET": (30.0, 10.0, 0.5),
    "LIST": (15.0, 5.0, 0.25),
    "DELETE": (10.0, 2.0, 0.25),
}
"""Requests per second in a tenant, in a subscription, of one resource. A credential counts for its identity."""


class Budgets:
    """Takes what a request costs; raises `Refused` with 429 and Retry-After when there is not enough."""

    def __init__(self, throttle: Throttle) -> None:
        self._throttle = throttle

    def take_bucket(self, request: ArmRequest) -> dict[str, str]:
        """Charge the token bucket of Resource Manager; the header that says what is left of it."""
        bucket = {"GET": "reads", "DELETE": "deletes"}.get(request.method, "writes")
        limit = BUCKETS[bucket]
        budget = f"{bucket} of {request.caller.object_id} in {request.subscription_id}"
        verdict = self._throttle.take([Charge(budget, limit)])
        header = f"x-ms-ratelimit-remaining-subscription-{bucket}"
        if verdict is not None and verdict.retry_after is not None:
            raise self._throttled(verdict, verdict.retry_after, {header: "0"})
        return {header: str(int(limit.capacity if verdict is None else verdict.remaining))}

    def take_provider(self, request: ArmRequest) -> None:
        """Charge the limits of the resource provider for tenant, subscription and resource."""
        verb = request.method if request.method != "PATCH" else "PUT"
        if verb == "GET" and request.name is None:
            verb = "LIST"
        resource = request.root.lower() if request.identity is None else request.identity_id
        owners = (request.caller.tenant_id, request.subscription_id, resource)
        rates = zip(owners, PROVIDER_LIMITS[verb], strict=True)
        verdict = self._throttle.take(Charge(f"{verb} of {owner}", Limit.per_second(rate)) for owner, rate in rates)
        if verdict is not None and verdict.retry_after is not None:
            raise self._throttled(verdict, verdict.retry_after, {})

    def _throttled(self, verdict: Verdict, seconds: float, headers: dict[str, str]) -> Refused:
        return Refused(
            429,
            "TooManyRequests",
            f"The request is being throttled as the limit has been reached: {verdict.budget}.",
            {**headers, "Retry-After": self._throttle.retry_after(seconds)},
        )
