"""The settings of the process: one model, read from `ENTRAFED_*` and from equal flags of `entrafed run`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, FilePath, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "ENTRAFED_"


class LogLevel(StrEnum):
    """The least severe lines that are written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """For machines or for people."""

    JSON = "json"
    CONSOLE = "console"


class Listen(str):
    """An address and a port, `host:port`; an IPv6 address stands in brackets. Port 0 lets the system choose one."""

    __slots__ = ()

    @property
    def host(self) -> str:
        return self.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.rpartition(":")[2])


def _listen(value: object) -> Listen:
    host, colon, port = str(value).rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError("must be host:port, such as 0.0.0.0:8080")
    return Listen(value)


def _comma_separated(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


class Settings(BaseSettings):
    """What the person who installs the operator decides. Every field is a flag and a variable of the same name."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, arbitrary_types_allowed=True)

    kubeconfig: Path | None = Field(
        default=None, description="Kubeconfig file. Otherwise KUBECONFIG, the pod's account, ~/.kube/config, in turn."
    )
    entra_token_file: Path = Field(
        default=Path("/var/run/secrets/azure/tokens/azure-identity-token"),
        description="Projected service account token that connections with workloadIdentity sign in with.",
    )
    ca_bundle: FilePath | None = Field(
        default=None, description="PEM file of authorities trusted besides the system's, for Entra, Graph and ARM."
    )
    allow_endpoints: bool = Field(
        default=False,
        description="Heed spec.endpoints of EntraConnections. It decides where tokens are sent: for laboratories only.",
    )
    listen: Annotated[Listen, BeforeValidator(_listen)] = Field(
        default=Listen("0.0.0.0:8080"),  # the kubelet and Prometheus ask from outside of the pod
        description="Address of /healthz, /readyz and /metrics.",
    )
    log_level: LogLevel = Field(default=LogLevel.INFO, description="debug, info, warning or error.")
    log_format: LogFormat = Field(default=LogFormat.JSON, description="json or console.")
    resync_seconds: float = Field(
        default=3600.0, gt=0, description="How often what nobody changed is compared with Azure, on average."
    )
    revocation_delay_seconds: float = Field(
        default=600.0, ge=0, description="How long a credential outlives the rule that allowed it."
    )
    issuer_grace_seconds: float = Field(
        default=86400.0,
        ge=0,
        description="How long a credential for a former issuer of the cluster stays: as long as its last tokens live.",
    )
    former_cluster_ids: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_comma_separated)] = Field(
        default=(), description="UIDs of kube-system in clusters that this one replaces, separated by commas."
    )
    azure_limits_share: float = Field(
        default=0.9,
        gt=0,
        le=1,
        description="Share of Microsoft's published limits that is used at most; lower it where other tools work in "
        "the same tenant and subscriptions.",
    )
    azure_rate_scale: float = Field(
        default=1.0, gt=0, description="Multiplies the request rates kept towards Microsoft: for laboratories only."
    )
    time_scale: float = Field(
        default=1.0, gt=0, description="Multiplies the operator's own waiting times: for laboratories only."
    )


class BadSettings(Exception):
    """A setting is not acceptable. The message is one line that names the flag and the variable."""


def load_settings(flags: dict[str, Any]) -> Settings:
    """Settings from flags (None: not given), which win, and from the environment. Raises `BadSettings`."""
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0])
        message = first["msg"].removeprefix("Value error, ")
        value = "" if first["type"] == "value_error" and not first["input"] else f" (got {first['input']!r})"
        raise BadSettings(f"--{name.replace('_', '-')} or {PREFIX}{name.upper()}: {message}{value}") from error
