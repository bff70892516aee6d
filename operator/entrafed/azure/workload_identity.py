"""Signing in with the operator's own service account token."""

from dataclasses import dataclass
from pathlib import Path

from azure.core.credentials import AccessToken
from azure.identity.aio import ClientAssertionCredential

from entrafed.api.reasons import Reason
from entrafed.azure.credential import Fetch
from entrafed.azure.transport import USER_AGENT, AzureTransport
from entrafed.domain.connections import SignIn
from entrafed.domain.errors import AzureProblem, Problem, ProblemKind


@dataclass(frozen=True, slots=True)
class TokenFile:
    """A projected service account token, read for every token request: kubelet replaces it long before it ends."""

    path: Path

    def read(self) -> str:
        """The token; `AzureProblem` when there is none."""
        try:
            text = self.path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeError) as error:
            cause = error.strerror if isinstance(error, OSError) and error.strerror else "it is no text"
        else:
            if text:
                return text
            cause = "it is empty"
        message = (
            f"Cannot read the operator's service account token {self.path}: {cause}; mount a projected token there"
        )
        raise AzureProblem(Problem(ProblemKind.TRANSIENT, Reason.SIGN_IN_FAILED, message))


def workload_identity(sign_in: SignIn, token_file: TokenFile, transport: AzureTransport) -> Fetch:
    """Sign in with the service account token.

    Not `WorkloadIdentityCredential`: that reads its file every ten minutes only, and until then presents a token that
    was replaced. A new credential for every token: azure-identity's cache is then empty, and ours the only one.
    """

    async def fetch(scope: str) -> AccessToken:
        credential = ClientAssertionCredential(
            tenant_id=sign_in.tenant_id,
            client_id=sign_in.client_id,
            func=token_file.read,
            authority=sign_in.login,
            transport=transport,
            retry_total=0,
            user_agent=USER_AGENT,
        )
        return await credential.get_token(scope)

    return fetch
