"""What the demo shows, and everything that it claims while doing so."""

from enum import StrEnum


class Step(StrEnum):
    """The steps, in order."""

    LAB = "A real Kubernetes control plane and a simulated Azure"
    OPERATOR = "The operator, with exactly the rights of its chart"
    CONNECTION = "How it signs in, and who may ask it for what: an EntraConnection"
    FEDERATION = "Who may sign in as the app: a ManagedIdentityFederation"
    TENANT = "What the tenant holds now"
    POD = "A pod signs in as the app, with its service account's token"
    VM = "A VM signs in as the app, with its managed identity's token"
    OTHERS = "Another service account is refused"
    DELETION = "The federation is deleted"
    AFTERWARDS = "The pod's token is worth nothing any more"
    END = "What the tenant holds in the end"


class Check(StrEnum):
    """In the order in which they are seen. The demo ends with 0 only if each was."""

    FOREIGN_IS_THERE = "the app has a credential that others made"
    OPERATOR_READY = "the operator is ready"
    OPERATOR_HAS_THE_CHARTS_RIGHTS = "the operator can neither read Secrets nor create tokens"
    SIGNED_IN = "the operator signs in to the tenant"
    READY = "the federation is Ready with 3 of 3 credentials"
    WRITTEN = "the app has these three credentials and those of others, nothing else"
    POD_EXCHANGES = "the pod's token is exchanged for an access token of the app"
    POD_READS = "the pod reads the blob with it"
    VM_HAS_IDENTITY = "the VM has a token of its managed identity"
    VM_EXCHANGES = "the managed identity's token is exchanged for an access token of the app"
    VM_READS = "the VM reads the blob with it"
    OTHERS_REFUSED = "a service account that nobody trusts is refused"
    REFUSAL_EXPLAINED = "the refusal is explained"
    DELETED = "the federation is gone"
    EXCHANGE_ENDS = "the pod's token is exchanged no more"
    NOTHING_LEFT = "the tenant holds nothing of ours"
    FOREIGN_UNTOUCHED = "the tenant holds what others made, unchanged"
