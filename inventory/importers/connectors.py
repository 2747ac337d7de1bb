"""Service of a credential type or a node type. Names only; other modules have defaults and levels."""

from __future__ import annotations

import re

from inventory.importers.display import vocabulary

GENERIC_CREDENTIALS = vocabulary(
    """
    httpBasicAuth httpBearerAuth httpCustomAuth httpDigestAuth httpHeaderAuth httpMultipleHeadersAuth httpQueryAuth
    httpSslAuth jwtAuth oAuth1Api oAuth2Api mcpOAuth2Api crypto mcpClientApi mcpClientSseApi mcpClientHttpApi
    embedded environment_variable input oauth placeholder unknown
    """
)
"""Credential types that say how one signs in, not at what."""

_SUFFIX = re.compile(
    r"(?:OAuth2Api|OAuth1Api|OAuth2|OAuth1|AccessTokenApi|TokenApi|ApiToken|ApiKeyApi|BotApi|WebhookApi|BasicApi|"
    r"ServiceAccountApi|SelfHostedApi|CloudApi|JwtApi|Api|Password|PrivateKey)$"
)
_ALIASES = {
    "jiraSoftware": "jira",
    "jiraSoftwareServer": "jira",
    "jiraSoftwareServerPat": "jira",
    "googlePalm": "googleGemini",
    "sftp": "ftp",
    "nocoDb": "nocoDb",
    "wordpress": "wordpress",
}
_SAME_THING = {
    "toolHttpRequest": "httpRequest",
    "mcpClient": "mcp",
    "mcpRegistryClient": "mcp",
    "mcpClientTool": "mcp",
    "function": "code",
    "functionItem": "code",
    "toolCode": "code",
    "aiTransform": "code",
    "executeWorkflow": "workflow",
    "toolWorkflow": "workflow",
    "retrieverWorkflow": "workflow",
}


def service_of(credential_type: str) -> str:
    """The service that a credential type belongs to (``slackOAuth2Api`` is ``slack``), or empty for a generic one."""
    if credential_type in GENERIC_CREDENTIALS:
        return ""
    service = _SUFFIX.sub("", credential_type) or credential_type
    return _ALIASES.get(service, service)


def canonical_connector(connector: str) -> str:
    """Connector in the register: one name for node types of the same service."""
    return _SAME_THING.get(connector, connector)
