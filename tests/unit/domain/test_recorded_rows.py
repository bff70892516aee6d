"""What the rows of a status say, whoever wrote them."""

from entrafed.domain.findings import Section
from entrafed.domain.recorded_rows import denials
from unit.domain.federations import OTHER_TENANT, Manifest, federation

SINCE = "2026-01-31T12:00:00Z"


def row(**more: str) -> Manifest:
    return {"state": "Denied", "reason": "NotPermitted", "message": "", **more}


def test_denials_are_those_of_their_section() -> None:
    one = federation(
        status={
            "identityAssignments": [row(name="web", deniedSince=SINCE), row(name="api")],
            "roleAssignments": [row(name="blobs", deniedSince=SINCE)],
            "tenants": [row(tenantId=OTHER_TENANT)],
        }
    )
    assert denials(one.status) == {(Section.IDENTITIES, "web"): SINCE, (Section.ROLES, "blobs"): SINCE}
