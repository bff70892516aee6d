"""Where the engine gets its Azure, its Kubernetes and its durations: the only place that knows them all."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import structlog

from entrafed.azure import BudgetSettings, CallTiming, MicrosoftCloud
from entrafed.domain.marks import cluster_mark
from entrafed.engine.engine import Engine
from entrafed.engine.timing import Timing
from entrafed.runtime.process import World
from entrafed.runtime.settings import Settings


@asynccontextmanager
async def connect(settings: Settings, world: World) -> AsyncIterator[Engine]:
    """The engine over Microsoft's services; leaving the context closes their connections."""
    clusters = tuple(cluster_mark(uid) for uid in (world.cluster_id, *settings.former_cluster_ids))
    cloud = MicrosoftCloud(
        clusters=clusters,
        token_file=settings.entra_token_file,
        clock=world.clock,
        may_write=world.gate.pass_through,
        seen=world.metrics.azure_request,
        log=structlog.stdlib.get_logger("entrafed.azure"),
        timing=CallTiming().scaled(settings.time_scale),
        budgets=BudgetSettings(share=settings.azure_limits_share, rate_scale=settings.azure_rate_scale),
        waited=world.metrics.throttle_wait,
        ca_file=settings.ca_bundle,
    )
    async with cloud:
        yield Engine(
            azure=cloud,
            assignments=cloud,
            kube=world.kube,
            clock=world.clock,
            measure=world.metrics,
            timing=replace(
                Timing(),
                resync=settings.resync_seconds,
                revocation_delay=settings.revocation_delay_seconds,
                issuer_grace=settings.issuer_grace_seconds,
            ).scaled(settings.time_scale),
            clusters=clusters,
            allow_endpoints=settings.allow_endpoints,
        )
