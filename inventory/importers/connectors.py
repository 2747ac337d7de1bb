"""Service of a credential type or a node type. Names only; other modules have defaults and levels."""

import re

from inventory.importers.facts import facts, word_lists

_WORDS, _FACTS = word_lists("connectors"), facts("connectors")
_SUFFIX = re.compile(
    r"(?:OAuth2Api|OAuth1Api|OAuth2|OAuth1|AccessTokenApi|TokenApi|ApiToken|ApiKeyApi|BotApi|WebhookApi|BasicApi|"
    r"ServiceAccountApi|SelfHostedApi|CloudApi|JwtApi|Api|Password|PrivateKey)$"
)
_ALIASES: dict[str, str] = _FACTS["aliases"]
_SAME_THING: dict[str, str] = _FACTS["same_thing"]


def service_of(credential_type: str) -> str:
    """The service that a credential type belongs to (``slackOAuth2Api`` is ``slack``), or empty for a generic one."""
    if credential_type in _WORDS["generic_credentials"]:
        return ""
    service = _SUFFIX.sub("", credential_type) or credential_type
    return _ALIASES.get(service, service)


def canonical_connector(connector: str) -> str:
    """Connector in the register: one name for node types of the same service."""
    return _SAME_THING.get(connector, connector)
