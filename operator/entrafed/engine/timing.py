"""Every duration of the product, in one value."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Timing:
    """All in seconds."""

    report_after: float = 5.0
    """Something that moves is reported as moving only after this long: what is quick costs one write."""
    agreement: float = 1.0
    """Between two reads that must agree; grows by half each time."""
    longest_agreement: float = 10.0
    lag_limit: float = 60.0
    """How long a list that contradicts our own acknowledged write is taken for an old one."""
    gather: float = 10.0
    """How long a change of a host waits at most for what others who are just being admitted want there too: one request
    makes all of it, and while it runs Azure takes no other."""
    slow: float = 300.0
    """After which a change of a host that Azure has begun and not ended is told to all who wait for it."""
    quiet: float = 45.0
    """After which a write whose answer was not seen has surely happened or not, and every replica shows it: the request
    timeout and a generous replica lag."""
    gone_interval: float = 15.0
    """Between two reads that must both miss a target before a deletion believes that it is gone."""
    young: float = 120.0
    """How long a target that is missing is waited for before it counts as not found."""
    fresh: float = 5.0
    """How old a list may be that is planned on."""
    reads: float = 60.0
    """How long what is known of a referenced object is shared before it is read again."""
    missing: float = 60.0
    """Between looks for a target, or an item's identity, that was not found."""
    forbidden: float = 600.0
    """Between tries of what needs a person to act."""
    consent: float = 600.0
    """Between questions whether an administrator has consented: each is a failed sign-in in that tenant's logs."""
    conflict: float = 300.0
    """Between looks at what somebody else holds."""
    resync: float = 3600.0
    """How often what nobody changed is compared with Azure, on average."""
    revocation_delay: float = 600.0
    """How long a credential outlives the rule that allowed it."""
    issuer_check: float = 60.0
    """Between looks at which issuer the API server announces: one request for all objects."""
    issuer_window: float = 600.0
    """How long an issuer counts as announced after it was last seen: while API servers are rolled out, one behind the
    same address announces the old issuer, another the new."""
    issuer_grace: float = 86400.0
    """How long a credential for an issuer that is announced no more stays when its successors stand: the longest life
    that azure-workload-identity gives to a token."""
    connection_check: float = 600.0
    """Between sign-ins that only check whether a connection still works."""
    first_backoff: float = 1.0
    longest_backoff: float = 300.0
    stop_grace: float = 3.0
    """What is under way when the process ends gets this long."""

    def scaled(self, factor: float) -> "Timing":
        """All durations multiplied, for a laboratory whose Azure is as much faster."""
        return Timing(**{field.name: getattr(self, field.name) * factor for field in fields(self)})
