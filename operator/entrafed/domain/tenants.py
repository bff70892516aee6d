"""Other tenants: the address at which somebody there lets an application in. Pure.

Source: https://learn.microsoft.com/entra/identity-platform/v2-admin-consent
"""

from urllib.parse import urlencode

from entrafed.domain.clouds import Cloud


def consent_url(cloud: Cloud, tenant_id: str, client_id: str) -> str:
    """Where an administrator of a tenant consents to an application. It needs no redirect: the service principal is
    there before the browser is sent on."""
    return f"{cloud.login}/{tenant_id}/adminconsent?{urlencode({'client_id': client_id})}"
