"""What the adapter does not carry: msgraph's models weigh 40 MiB and block the event loop for a second at first use."""

import asyncio
import json
import sys
from dataclasses import asdict

from cloud_world import Connected
from entrafed_lab.azure.seed import READER_OBJECT

CALLS = """
import asyncio, json, sys
from pathlib import Path
import structlog
from entrafed.azure import MicrosoftCloud
from entrafed.domain.connections import SignIn
from entrafed.domain.credentials import NewCredential, Pair, Parent, ParentKind, Trust
from entrafed.runtime.clock import SystemClock

async def main(sign_in, application, token_file, ca_file):
    parent = Parent(ParentKind.APPLICATION, sign_in.tenant_id, application)
    async with MicrosoftCloud(
        token_file=Path(token_file), clock=SystemClock(), may_write=lambda: None, seen=lambda *_: None,
        log=structlog.stdlib.get_logger(), ca_file=Path(ca_file),
    ) as cloud:
        await cloud.own_identity(sign_in)
        await cloud.create(sign_in, parent, NewCredential("mif-web", Trust(Pair("https://i", "s"), "a"), ""))
        assert len(await cloud.credentials(sign_in, parent)) == 2
        await cloud.delete(sign_in, parent, "mif-web")

sign_in, *others = json.loads(sys.argv[1])
asyncio.run(main(SignIn(**sign_in), *others))
print(*sys.modules)
"""


async def test_no_model_of_msgraph_is_imported_by_any_call(world: Connected) -> None:
    arguments = json.dumps([asdict(world.sign_in), READER_OBJECT, str(world.token_file), str(world.azure.ca_file)])
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CALLS, arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    modules = out.decode().split()
    assert "msgraph.graph_request_adapter" in modules
    assert [name for name in modules if name.startswith("msgraph.generated.models")] == []
