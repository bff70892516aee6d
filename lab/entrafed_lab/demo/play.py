"""One performance of the demo: the lab and the operator where none runs, the story, the summary."""

import json
import os
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

import aiohttp

from entrafed_lab.controlplane.errors import LabError
from entrafed_lab.controlplane.kubectl import Kubectl
from entrafed_lab.lab import Lab, Wish
from entrafed_lab.manifests import ROLE
from entrafed_lab.operator_process import OperatorProcess, runs_operator
from entrafed_lab.workspace import State, Workspace

from .checks import Step
from .cluster import User
from .stage import NotSeen, Stage
from .story import APP, Story
from .tenant import Tenants
from .workload import Workload


async def play(wish: Wish, stage: Stage) -> bool:
    """Whether every check was seen. A lab or an operator that runs already is used, and left running."""
    failure: str | None = None
    async with AsyncExitStack() as stack:
        try:
            await _play(wish, stage, stack)
        except (NotSeen, LabError, OSError, aiohttp.ClientError) as error:
            failure = str(error) or type(error).__name__
        stage.report.doing("stopping what was started")
    return stage.sum_up(failure)


async def _play(wish: Wish, stage: Stage, stack: AsyncExitStack) -> None:
    files = Workspace(wish.directory)
    await stage.begin(Step.LAB)
    running = files.running()
    if running is not None and running.state is State.STARTING:
        raise LabError(f"the lab in {files.directory} is still starting: try again when it is ready")
    if running is None:
        await stack.enter_async_context(Lab(wish, stage.report))
    story = _story(files, stage)
    await stack.enter_async_context(story.tenants.without_role(story.app.client_id, ROLE))
    stage.say(f"{APP} goes without the role {ROLE}, which others gave it, until the demo ends")
    stage.say(f"the control plane: {await story.user.version()}, its logs in {files.logs}")
    await story.meet_the_tenant()

    await stage.begin(Step.OPERATOR)
    if not runs_operator(files):
        stage.command("entrafed run")
        await stack.enter_async_context(
            OperatorProcess(files, stage.report, delay_scale=wish.delay_scale, ready_within=stage.within)
        )
    await story.meet_the_operator()
    if running is not None:
        await story.user.tidy()
    others = await story.tenants.held()

    await story.connect()
    federation = await story.federate()
    await story.look_at_the_app(federation, others)
    assertion, access = await story.be_a_pod()
    await story.lack(assertion, access)
    before = await story.tenants.held()
    federation = await story.assign()
    await story.look_at_the_assignments(federation, before)
    await story.read_at_last(access)
    await story.be_a_vm()
    await story.be_an_app_service()
    await story.be_at_the_partner(assertion)
    await story.be_somebody_else()
    await story.delete()
    await story.come_too_late(assertion)
    await story.look_at_the_end(others)


def _story(files: Workspace, stage: Stage) -> Story:
    azure: Mapping[str, Any] = json.loads(files.azure_json.read_text())
    environment = {**os.environ, "KUBECACHEDIR": str(files.kubectl_cache)}
    kubectl = Kubectl(files.programs / "kubectl", files.kubeconfig, environment=environment)
    app = next(item for item in azure["applications"] if item["name"] == APP)
    endpoints = azure["endpoints"]
    workload = Workload(
        login=endpoints["login"],
        blob=endpoints["blob"],
        ca=files.ca_bundle,
        tenant_id=app["tenantId"],
        client_id=app["clientId"],
    )
    return Story(stage, User(kubectl, files, stage), files, azure, Tenants(endpoints["admin"]), workload)
