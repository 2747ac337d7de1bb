"""Roles, relations, permissions, and the one table that joins them.

A *role* is given to a person by two admins, and they accept it. A *relation* follows from a row: the lead of the automation's team, the
owner of the resource. A permission without a line in `GRANTS` is granted to nobody. Superuser is not a role.
"""

from collections.abc import Set
from enum import StrEnum
from typing import Self


class Worded(StrEnum):
    """A text value with words for people."""

    words: str

    def __new__(cls, value: str, words: str = "") -> Self:
        """Make a member of its value and words."""
        member = str.__new__(cls, value)
        member._value_, member.words = value, words
        return member


class Permission(Worded):
    """A permission, ``noun:verb``, with the words of a refusal: "It takes somebody who may …"."""

    AUTOMATION_REGISTER = "automation:register", "import automations for this team"
    AUTOMATION_AMEND = "automation:amend", "change the description of this automation"
    AUTOMATION_RAISE = "automation:raise", "raise this automation's risk"
    AUTOMATION_SUBMIT = "automation:submit", "submit this automation"
    AUTOMATION_STOP = "automation:stop", "stop this automation"
    AUTOMATION_RESUME = "automation:resume", "lift the stop of this automation"
    AUTOMATION_RETIRE = "automation:retire", "retire this automation"
    AUTOMATION_LAPSE = "automation:lapse", "retire an automation that was suspended for too long"
    TRANSFER_ASK = "transfer:ask", "give this automation to another team, as the lead of its own"
    TRANSFER_ANSWER = "transfer:answer", "take this automation over, as the lead of the team that is asked"
    TRANSFER_DROP = "transfer:drop", "leave this automation where it is"
    RESOURCE_REGISTER = "resource:register", "register resources"
    RESOURCE_PROPOSE = "resource:propose", "propose a resource"
    RESOURCE_ACCEPT = "resource:accept", "accept to answer for this resource"
    RESOURCE_ACTIVATE = "resource:activate", "confirm who answers for this resource"
    RESOURCE_AMEND = "resource:amend", "change the description of this resource"
    RESOURCE_BIND = "resource:bind", "say what opens this resource"
    BINDING_MOVE = "binding:move", "say that a connection opens another resource"
    CREDENTIAL_DESCRIBE = "credential:describe", "say how old this credential is and where it is kept"
    CREDENTIAL_REACH = "credential:reach", "say what this credential opens"
    CREDENTIAL_KEEP = "credential:keep", "say whether their store keeps this credential"
    INTERIM_NAME = "interim:name", "name an interim owner, as the team's lead or a security reviewer"
    INTERIM_DROP = "interim:drop", "end the term of an interim owner"
    INCIDENT_DECLARE = "incident:declare", "declare an incident on this resource, as its owner or as security"
    SUBMISSION_WITHDRAW = "submission:withdraw", "withdraw this submission"
    SUBMISSION_ANSWER = "submission:answer", "answer for the builder"
    SUBMISSION_COMMENT = "submission:comment", "speak about this submission"
    SUBMISSION_ACCEPT = "submission:accept", "accept what was approved"
    APPROVAL_DECIDE = "approval:decide", "decide about this"
    APPROVAL_OBJECT = "approval:object", "object to this"
    APPROVAL_EXPIRE = "approval:expire", "let this expire"
    APPROVAL_ASK_NEXT = "approval:ask_next", "ask somebody else to decide"
    GRANT_REVOKE = "grant:revoke", "revoke this access"
    GRANT_END = "grant:end", "end this access"
    SAMPLE_DRAW = "sample:draw", "draw spot checks"
    SAMPLE_LOOK = "sample:look", "do this spot check"
    SAMPLE_LAPSE = "sample:lapse", "end an overdue spot check"
    ITEM_OPEN = "item:open", "open a review"
    ITEM_ANSWER = "item:answer", "answer this review"
    ITEM_CLOSE = "item:close", "close a review"
    CAMPAIGN_OPEN = "campaign:open", "open a campaign and remind its reviewers"
    CAMPAIGN_READ = "campaign:read", "read every review"
    TEAM_MANAGE = "team:manage", "change teams"
    WEBHOOK_MANAGE = "webhook:manage", "manage the webhooks of this team"
    WEBHOOK_PAUSE = "webhook:pause", "pause this webhook"
    WEBHOOK_FORGET = "webhook:forget", "delete old deliveries of this webhook"
    PERSON_MANAGE = "person:manage", "change who is here"
    PERSON_ADMIT = "person:admit", "admit people from a sign-in provider"
    PERSON_INVITE = "person:invite", "invite a person"
    PERSON_PROVE = "person:prove", "set how this person signs in"
    PERSON_ERASE = "person:erase", "erase somebody who has left"
    LIST_PREPARE = "list:prepare", "prepare lists of people, teams and resources"
    DELEGATION_SET = "delegation:set", "name a delegate"
    TOKEN_MAKE = "token:make", "make a token of their own"
    TOKEN_REVOKE = "token:revoke", "revoke this token"
    CONFLICT_SCAN = "conflict:scan", "look for conflicts in all grants"
    WAIVER_ASK = "waiver:ask", "ask that a conflict of this automation be waived"
    WAIVER_DECIDE = "waiver:decide", "decide about waivers"
    LEDGER_READ = "ledger:read", "read the ledger"
    SIGNALS_READ = "signals:read", "read approval patterns"
    PROPOSAL_READ = "proposal:read", "read proposals"
    PROPOSAL_MAKE = "proposal:make", "propose a change of rules or owners"
    PROPOSAL_AMEND = "proposal:amend", "change this proposal, which only its author does"
    PROPOSAL_ANSWER = "proposal:answer", "countersign this proposal"
    PROPOSAL_ACCEPT = "proposal:accept", "accept the appointment of this proposal"
    PROPOSAL_LAPSE = "proposal:lapse", "let this proposal lapse"
    STOP_FOLLOW = "stop:follow", "follow up this stop, as the person who pressed it"
    REVOCATION_SAY = "revocation:say", "confirm that this access is removed, as its owner or as security"
    REVOCATION_FOLLOW = "revocation:follow", "follow up this revocation"
    BRAKE_ANSWER = "brake:answer", "answer a paused mass revocation, as a security reviewer or an admin"


class Role(Worded):
    """Roles of a person or a job, in the order of pages."""

    EMPLOYEE = "employee", "Employee"
    BUILDER = "builder", "Builder"
    SECURITY_REVIEWER = "security_reviewer", "Security reviewer"
    AUDITOR = "auditor", "Auditor"
    ADMIN = "admin", "Governance admin"
    ON_CALL = "on_call", "On call"
    JOB = "job", "Background job"


class Relation(StrEnum):
    """Relations of a person to a row; each model has `relations(person, now)`."""

    SELF = "self"
    TEAM_MEMBER = "team_member"
    TEAM_LEAD = "team_lead"
    BUSINESS_OWNER = "business_owner"
    TECHNICAL_OWNER = "technical_owner"
    RESOURCE_OWNER = "resource_owner"
    RESOURCE_DEPUTY = "resource_deputy"
    PROPOSED_OWNER = "proposed_owner"
    CREDENTIAL_OWNER = "credential_owner"
    CREDENTIAL_USER = "credential_user"
    KEEPER = "keeper"
    OWNERS_LEAD = "owners_lead"
    SUBMITTER = "submitter"
    CANDIDATE = "candidate"
    READER = "reader"
    REVIEWER = "reviewer"
    LOOKER = "looker"
    PROPOSER = "proposer"
    COUNTERSIGNER = "countersigner"
    APPOINTED = "appointed"
    REVOKER = "revoker"
    STOPPER = "stopper"


P, R = Permission, Relation
_OWNERS: Set[Permission] = {
    *(P.AUTOMATION_AMEND, P.AUTOMATION_RAISE, P.AUTOMATION_SUBMIT, P.AUTOMATION_STOP, P.AUTOMATION_RESUME),
    *(P.AUTOMATION_RETIRE, P.WAIVER_ASK),
}
_ANSWERING: Set[Permission] = {
    *(P.RESOURCE_BIND, P.BINDING_MOVE, P.CREDENTIAL_DESCRIBE, P.CREDENTIAL_REACH),
    *(P.GRANT_REVOKE, P.SUBMISSION_COMMENT, P.APPROVAL_OBJECT),
    P.REVOCATION_SAY,
}

GRANTS: dict[Role | Relation, Set[Permission]] = {
    Role.EMPLOYEE: {P.DELEGATION_SET},
    Role.BUILDER: {P.RESOURCE_PROPOSE},
    Role.SECURITY_REVIEWER: {
        *(P.AUTOMATION_RAISE, P.AUTOMATION_STOP, P.AUTOMATION_RESUME),
        *(P.CREDENTIAL_DESCRIBE, P.CREDENTIAL_REACH, P.GRANT_REVOKE),
        *(P.INTERIM_NAME, P.INTERIM_DROP, P.INCIDENT_DECLARE, P.TOKEN_REVOKE, P.LEDGER_READ, P.SIGNALS_READ),
        *(P.PROPOSAL_READ, P.SUBMISSION_COMMENT, P.WAIVER_DECIDE, P.REVOCATION_SAY, P.BRAKE_ANSWER),
        *(P.CAMPAIGN_OPEN, P.CAMPAIGN_READ),
    },
    Role.AUDITOR: {P.LEDGER_READ, P.SIGNALS_READ, P.PROPOSAL_READ, P.CAMPAIGN_READ},
    Role.ADMIN: {
        *(P.RESOURCE_REGISTER, P.RESOURCE_PROPOSE, P.RESOURCE_ACTIVATE, P.RESOURCE_AMEND, P.BINDING_MOVE),
        *(P.TEAM_MANAGE, P.WEBHOOK_MANAGE, P.WEBHOOK_PAUSE, P.PERSON_MANAGE, P.PERSON_INVITE, P.PERSON_ERASE),
        *(P.TOKEN_REVOKE, P.LEDGER_READ, P.PROPOSAL_READ, P.PROPOSAL_MAKE, P.BRAKE_ANSWER),
        *(P.CAMPAIGN_OPEN, P.CAMPAIGN_READ, P.LIST_PREPARE),
    },
    Role.ON_CALL: {P.AUTOMATION_STOP, P.GRANT_REVOKE},
    Role.JOB: {
        *(P.APPROVAL_EXPIRE, P.APPROVAL_ASK_NEXT, P.GRANT_END, P.AUTOMATION_LAPSE),
        *(P.SAMPLE_DRAW, P.SAMPLE_LAPSE, P.CONFLICT_SCAN, P.ITEM_OPEN, P.ITEM_CLOSE),
        *(P.PERSON_ADMIT, P.PERSON_INVITE, P.PERSON_PROVE, P.WEBHOOK_PAUSE, P.WEBHOOK_FORGET, P.PROPOSAL_LAPSE),
        P.REVOCATION_FOLLOW,
    },
    R.SELF: {P.DELEGATION_SET, P.PERSON_PROVE, P.INTERIM_DROP, P.TOKEN_MAKE, P.TOKEN_REVOKE},
    R.TEAM_MEMBER: {
        *(P.AUTOMATION_REGISTER, P.AUTOMATION_AMEND, P.AUTOMATION_SUBMIT),
        *(P.SUBMISSION_ANSWER, P.SUBMISSION_COMMENT, P.WAIVER_ASK),
    },
    R.TEAM_LEAD: {
        *(P.AUTOMATION_RAISE, P.AUTOMATION_RESUME, P.AUTOMATION_STOP),
        *(P.TRANSFER_ASK, P.TRANSFER_ANSWER, P.TRANSFER_DROP, P.SUBMISSION_COMMENT),
        *(P.INTERIM_NAME, P.INTERIM_DROP, P.WEBHOOK_MANAGE, P.WEBHOOK_PAUSE, P.TOKEN_REVOKE),
    },
    R.BUSINESS_OWNER: _OWNERS | {P.SUBMISSION_ACCEPT, P.SUBMISSION_ANSWER, P.SUBMISSION_COMMENT, P.GRANT_REVOKE},
    R.TECHNICAL_OWNER: _OWNERS | {P.SUBMISSION_ANSWER, P.SUBMISSION_COMMENT, P.GRANT_REVOKE},
    R.RESOURCE_OWNER: _ANSWERING | {P.RESOURCE_AMEND, P.INCIDENT_DECLARE},
    R.RESOURCE_DEPUTY: _ANSWERING,
    R.PROPOSED_OWNER: {P.RESOURCE_ACCEPT},
    R.CREDENTIAL_OWNER: {P.CREDENTIAL_DESCRIBE},
    R.CREDENTIAL_USER: {P.CREDENTIAL_DESCRIBE},
    R.KEEPER: {P.CREDENTIAL_KEEP},
    R.OWNERS_LEAD: {P.INTERIM_NAME, P.INTERIM_DROP, P.REVOCATION_SAY},
    R.SUBMITTER: {P.SUBMISSION_WITHDRAW, P.SUBMISSION_ANSWER, P.SUBMISSION_COMMENT},
    R.CANDIDATE: {P.APPROVAL_DECIDE, P.APPROVAL_OBJECT, P.SUBMISSION_COMMENT},
    R.READER: set(),
    R.REVIEWER: {P.ITEM_ANSWER},
    R.LOOKER: {P.SAMPLE_LOOK},
    R.PROPOSER: {P.PROPOSAL_AMEND, P.TRANSFER_DROP},
    R.COUNTERSIGNER: {P.PROPOSAL_ANSWER},
    R.APPOINTED: {P.PROPOSAL_ACCEPT},
    R.REVOKER: {P.REVOCATION_SAY},
    R.STOPPER: {P.STOP_FOLLOW},
}

#: Permissions of a program with a token, if its person has them (S5). The program imports and submits. It decides nothing, stops
#: nothing and makes no token. Its imports set purpose and owners of a draft at once; later the submission keeps them for stage 1. It
#: prepares lists, which a person applies.
BY_TOKEN: Set[Permission] = {P.AUTOMATION_REGISTER, P.AUTOMATION_SUBMIT, P.LIST_PREPARE}

#: Words for people, in the order in which the pages list them.
ROLE_WORDS: dict[Role, str] = {role: role.words for role in Role}

#: Roles that a delegate must share with the giver: "somebody of the same duty" (A11).
SAME_DUTY = (Role.SECURITY_REVIEWER, Role.AUDITOR, Role.ADMIN, Role.ON_CALL)

#: Roles that a person can be given. The others follow from being active, or from being a job.
ASSIGNABLE = (Role.BUILDER, Role.SECURITY_REVIEWER, Role.AUDITOR, Role.ADMIN, Role.ON_CALL)
