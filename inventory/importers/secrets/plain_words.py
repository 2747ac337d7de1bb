"""Words that are no secret, even with a number: ``reset2``, ``oauth2``, ``sha256``, ``json2csv``."""

from __future__ import annotations

import re

from inventory.importers.display import vocabulary
from inventory.importers.levels import EXECUTE, EXECUTE_NOUNS, OBJECTS, READ, READ_NOUNS, WRITE, words

#: Words about secrets, frequently numbered words, states, file formats, environments and services.
_PLAIN = (
    READ
    | READ_NOUNS
    | WRITE
    | EXECUTE
    | EXECUTE_NOUNS
    | OBJECTS
    | vocabulary(
        """
        access admin all any api auth authorize basic bearer callback client code confirm cookie credential credentials default
        encrypted encryption env exchange expired expiry forgot forgotten generation generator grant header id identity incorrect
        introspect introspection invalid issue issuance issuer jwt key keys length limit login logout manager management mandatory
        me mine missing mode needed new none oauth oidc old openid optional policy private protected public recover recovery refresh
        required revocation revoke rotation secret service session sessions settings sign signin standard store token tokens
        types unlimited url usage user users v vault valid validation value values variable verification wrong
        aes argon base bcrypt es hmac hs md pbkdf ps rs rsa scrypt sha utf
        account auto batch branch chunk counter email endpoint event factor flow form git group http input invoice invoices item job lead level list mail model multi node
        number only orders output page paid part phase process profile row season stage step switch table task test through trial two version webhook workflow
        csv docx html json pdf sql text xls xlsx xml yaml zip
        1password bitwarden cyberark dashlane delinea doppler infisical keepass keepassxc keycloak lastpass nordpass okta passbolt vaultwarden
        blank body config correct count data details empty error fields format given handler hash hashing here info input insights instead
        link long match message metrics name node of parameters performance points present protected protection register request response
        result results role safe same secure short signup splitter status strength string strong success topics unique vergessen weak
        dev live local prod production sandbox staging
        airtable anthropic asana azure bitrix discord dropbox facebook gemini github gitlab gmail google gpt hubspot instagram jira linkedin mcp mini
        notion o office openai postgres redis salesforce sap s4hana shopify slack stripe supabase telegram twilio whatsapp zendesk
        """
    )
)
#: Words that precede a long number in well-known names.
_LONG_NUMBERED = vocabulary("aes dynamics es hs invoice invoices office order orders ps rs rsa season sha")
_BARE = re.compile(r"[\w.:-]+")
_SEPARATOR = re.compile(r"[.:_-]")
_CONVERSION = re.compile(r"[A-Z]?[a-z]{1,20}2[A-Z]?[a-z]{1,20}|[A-Z]{2,9}2[A-Z]{2,9}")
#: Three digits or more right after a word: a year, or a password.
_LONG_NUMBER = re.compile(r"([A-Za-z]+)\d{3}")


def is_plain(text: str) -> bool:
    """Whether a text consists of usual words and short numbers, or names a conversion: ``reset-v2``, ``Reset!``,
    ``lead2crm``.
    """
    bare = text.rstrip("!?.") if text.isascii() and not re.search(r"\d", text) else text
    if _CONVERSION.fullmatch(bare):
        return True
    return (
        _BARE.fullmatch(bare) is not None
        and all(word.lower() in _LONG_NUMBERED for word in _LONG_NUMBER.findall(bare))
        and all(map(_is_plain_part, _SEPARATOR.split(bare)))
    )


def _is_plain_part(part: str) -> bool:
    return part.lower().rstrip("0123456789") in _PLAIN or all(word.isdigit() or word in _PLAIN for word in words(part))
