"""Who is trusted with what: roles, relations, permissions and the one literal that joins them.

A *role* is given to a person by two admins, and they accept it. A *relation* follows from a row: the lead of the automation's team, the
owner of the resource. A permission that stands in no line of `GRANTS` is held by nobody. Superuser is not a role.
"""

from __future__ import annotations

from enum import StrEnum


class Permission(StrEnum):
    """What can be allowed, ``noun:verb``."""

    AUTOMATION_REGISTER = "automation:register"
    AUTOMATION_AMEND = "automation:amend"
    AUTOMATION_RAISE = "automation:raise"
    AUTOMATION_SUBMIT = "automation:submit"
    AUTOMATION_STOP = "automation:stop"
    AUTOMATION_RESUME = "automation:resume"
    AUTOMATION_RETIRE = "automation:retire"
    AUTOMATION_LAPSE = "automation:lapse"
    TRANSFER_ASK = "transfer:ask"
    TRANSFER_ANSWER = "transfer:answer"
    TRANSFER_DROP = "transfer:drop"
    RESOURCE_REGISTER = "resource:register"
    RESOURCE_PROPOSE = "resource:propose"
    RESOURCE_ACCEPT = "resource:accept"
    RESOURCE_ACTIVATE = "resource:activate"
    RESOURCE_AMEND = "resource:amend"
    RESOURCE_BIND = "resource:bind"
    BINDING_MOVE = "binding:move"
    CREDENTIAL_DESCRIBE = "credential:describe"
    CREDENTIAL_REACH = "credential:reach"
    CONTROL_SAY = "control:say"
    CONTROL_END = "control:end"
    CREDENTIAL_KEEP = "credential:keep"
    INTERIM_NAME = "interim:name"
    INTERIM_DROP = "interim:drop"
    INCIDENT_DECLARE = "incident:declare"
    SUBMISSION_WITHDRAW = "submission:withdraw"
    SUBMISSION_ANSWER = "submission:answer"
    SUBMISSION_COMMENT = "submission:comment"
    SUBMISSION_ACCEPT = "submission:accept"
    APPROVAL_DECIDE = "approval:decide"
    APPROVAL_OBJECT = "approval:object"
    APPROVAL_EXPIRE = "approval:expire"
    APPROVAL_ASK_NEXT = "approval:ask_next"
    GRANT_REVOKE = "grant:revoke"
    GRANT_END = "grant:end"
    SAMPLE_DRAW = "sample:draw"
    SAMPLE_LOOK = "sample:look"
    SAMPLE_LAPSE = "sample:lapse"
    ITEM_OPEN = "item:open"
    ITEM_ANSWER = "item:answer"
    ITEM_CLOSE = "item:close"
    CAMPAIGN_OPEN = "campaign:open"
    CAMPAIGN_READ = "campaign:read"
    TEAM_MANAGE = "team:manage"
    WEBHOOK_MANAGE = "webhook:manage"
    WEBHOOK_PAUSE = "webhook:pause"
    WEBHOOK_FORGET = "webhook:forget"
    PERSON_MANAGE = "person:manage"
    PERSON_INVITE = "person:invite"
    PERSON_PROVE = "person:prove"
    PERSON_ERASE = "person:erase"
    DELEGATION_SET = "delegation:set"
    TOKEN_MAKE = "token:make"  # noqa: S105  the name of a permission
    TOKEN_REVOKE = "token:revoke"  # noqa: S105
    CONFLICT_SCAN = "conflict:scan"
    WAIVER_ASK = "waiver:ask"
    WAIVER_DECIDE = "waiver:decide"
    LEDGER_READ = "ledger:read"
    SIGNALS_READ = "signals:read"
    PROPOSAL_READ = "proposal:read"
    PROPOSAL_MAKE = "proposal:make"
    PROPOSAL_AMEND = "proposal:amend"
    PROPOSAL_ANSWER = "proposal:answer"
    PROPOSAL_ACCEPT = "proposal:accept"
    PROPOSAL_LAPSE = "proposal:lapse"
    REVOCATION_SAY = "revocation:say"
    REVOCATION_FOLLOW = "revocation:follow"
    BRAKE_ANSWER = "brake:answer"


class Role(StrEnum):
    """What a person, or a job, is trusted with everywhere."""

    EMPLOYEE = "employee"
    BUILDER = "builder"
    SECURITY_REVIEWER = "security_reviewer"
    AUDITOR = "auditor"
    ADMIN = "admin"
    ON_CALL = "on_call"
    JOB = "job"


class Relation(StrEnum):
    """How a person stands to one row; each model answers `relations(person, now)`."""

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


P, R = Permission, Relation
_OWNERS = frozenset(
    {
        P.AUTOMATION_AMEND,
        P.AUTOMATION_RAISE,
        P.AUTOMATION_SUBMIT,
        P.AUTOMATION_STOP,
        P.AUTOMATION_RESUME,
        P.AUTOMATION_RETIRE,
        P.WAIVER_ASK,
    }
)
_ANSWERING = frozenset(
    {
        P.RESOURCE_BIND,
        P.BINDING_MOVE,
        P.CREDENTIAL_DESCRIBE,
        P.CREDENTIAL_REACH,
        P.CONTROL_SAY,
        P.CONTROL_END,
        P.GRANT_REVOKE,
        P.SUBMISSION_COMMENT,
        P.APPROVAL_OBJECT,
        P.REVOCATION_SAY,
    }
)

GRANTS: dict[Role | Relation, frozenset[Permission]] = {
    Role.EMPLOYEE: frozenset({P.DELEGATION_SET}),
    Role.BUILDER: frozenset({P.RESOURCE_PROPOSE}),
    Role.SECURITY_REVIEWER: frozenset(
        {
            P.AUTOMATION_RAISE,
            P.AUTOMATION_STOP,
            P.AUTOMATION_RESUME,
            P.CREDENTIAL_DESCRIBE,
            P.CREDENTIAL_REACH,
            P.CONTROL_END,
            P.GRANT_REVOKE,
            P.INTERIM_NAME,
            P.INTERIM_DROP,
            P.INCIDENT_DECLARE,
            P.TOKEN_REVOKE,
            P.LEDGER_READ,
            P.SIGNALS_READ,
            P.PROPOSAL_READ,
            P.SUBMISSION_COMMENT,
            P.WAIVER_DECIDE,
            P.REVOCATION_SAY,
            P.BRAKE_ANSWER,
            P.CAMPAIGN_OPEN,
            P.CAMPAIGN_READ,
        }
    ),
    Role.AUDITOR: frozenset({P.LEDGER_READ, P.SIGNALS_READ, P.PROPOSAL_READ, P.CAMPAIGN_READ}),
    Role.ADMIN: frozenset(
        {
            P.RESOURCE_REGISTER,
            P.RESOURCE_PROPOSE,
            P.RESOURCE_ACTIVATE,
            P.RESOURCE_AMEND,
            P.BINDING_MOVE,
            P.TEAM_MANAGE,
            P.WEBHOOK_MANAGE,
            P.WEBHOOK_PAUSE,
            P.PERSON_MANAGE,
            P.PERSON_INVITE,
            P.PERSON_ERASE,
            P.TOKEN_REVOKE,
            P.LEDGER_READ,
            P.PROPOSAL_READ,
            P.PROPOSAL_MAKE,
            P.BRAKE_ANSWER,
            P.CAMPAIGN_OPEN,
            P.CAMPAIGN_READ,
        }
    ),
    Role.ON_CALL: frozenset({P.AUTOMATION_STOP, P.GRANT_REVOKE}),
    Role.JOB: frozenset(
        {
            P.APPROVAL_EXPIRE,
            P.APPROVAL_ASK_NEXT,
            P.GRANT_END,
            P.AUTOMATION_LAPSE,
            P.SAMPLE_DRAW,
            P.SAMPLE_LAPSE,
            P.CONFLICT_SCAN,
            P.ITEM_OPEN,
            P.ITEM_CLOSE,
            P.PERSON_INVITE,
            P.PERSON_PROVE,
            P.WEBHOOK_PAUSE,
            P.WEBHOOK_FORGET,
            P.PROPOSAL_LAPSE,
            P.REVOCATION_FOLLOW,
        }
    ),
    R.SELF: frozenset({P.DELEGATION_SET, P.PERSON_PROVE, P.INTERIM_DROP, P.TOKEN_MAKE, P.TOKEN_REVOKE}),
    R.TEAM_MEMBER: frozenset(
        {
            P.AUTOMATION_REGISTER,
            P.AUTOMATION_AMEND,
            P.AUTOMATION_SUBMIT,
            P.SUBMISSION_ANSWER,
            P.SUBMISSION_COMMENT,
            P.WAIVER_ASK,
        }
    ),
    R.TEAM_LEAD: frozenset(
        {
            P.AUTOMATION_RAISE,
            P.AUTOMATION_RESUME,
            P.AUTOMATION_STOP,
            P.TRANSFER_ASK,
            P.TRANSFER_ANSWER,
            P.TRANSFER_DROP,
            P.SUBMISSION_COMMENT,
            P.INTERIM_NAME,
            P.INTERIM_DROP,
            P.WEBHOOK_MANAGE,
            P.WEBHOOK_PAUSE,
            P.TOKEN_REVOKE,
        }
    ),
    R.BUSINESS_OWNER: _OWNERS | {P.SUBMISSION_ACCEPT, P.SUBMISSION_ANSWER, P.SUBMISSION_COMMENT, P.GRANT_REVOKE},
    R.TECHNICAL_OWNER: _OWNERS | {P.SUBMISSION_ANSWER, P.SUBMISSION_COMMENT, P.GRANT_REVOKE},
    R.RESOURCE_OWNER: _ANSWERING | {P.RESOURCE_AMEND, P.INCIDENT_DECLARE},
    R.RESOURCE_DEPUTY: _ANSWERING,
    R.PROPOSED_OWNER: frozenset({P.RESOURCE_ACCEPT}),
    R.CREDENTIAL_OWNER: frozenset({P.CREDENTIAL_DESCRIBE}),
    R.CREDENTIAL_USER: frozenset({P.CREDENTIAL_DESCRIBE}),
    R.KEEPER: frozenset({P.CREDENTIAL_KEEP}),
    R.OWNERS_LEAD: frozenset({P.INTERIM_NAME, P.INTERIM_DROP, P.REVOCATION_SAY}),
    R.SUBMITTER: frozenset({P.SUBMISSION_WITHDRAW, P.SUBMISSION_ANSWER, P.SUBMISSION_COMMENT}),
    R.CANDIDATE: frozenset({P.APPROVAL_DECIDE, P.APPROVAL_OBJECT, P.SUBMISSION_COMMENT}),
    R.READER: frozenset(),
    R.REVIEWER: frozenset({P.ITEM_ANSWER}),
    R.LOOKER: frozenset({P.SAMPLE_LOOK}),
    R.PROPOSER: frozenset({P.PROPOSAL_AMEND, P.TRANSFER_DROP}),
    R.COUNTERSIGNER: frozenset({P.PROPOSAL_ANSWER}),
    R.APPOINTED: frozenset({P.PROPOSAL_ACCEPT}),
    R.REVOKER: frozenset({P.REVOCATION_SAY}),
}

#: All that a program with a token may do, of what the person who made it may: whatever is not here is no. It brings in and submits;
#: it decides nothing, stops nothing and makes no token. Bringing in and submitting say what it is for and who owns it: of a draft that
#: counts at once, and past draft it is kept with a submission alone and waits for stage 1. What no review is about it does not change (S5).
BY_TOKEN: frozenset[Permission] = frozenset({P.AUTOMATION_REGISTER, P.AUTOMATION_SUBMIT})

#: Words for people, in the order in which the pages list them.
ROLE_WORDS: dict[Role, str] = {
    Role.EMPLOYEE: "Employee",
    Role.BUILDER: "Builder",
    Role.SECURITY_REVIEWER: "Security reviewer",
    Role.AUDITOR: "Auditor",
    Role.ADMIN: "Governance admin",
    Role.ON_CALL: "On call",
    Role.JOB: "Background job",
}

#: What somebody may do, as a refusal says it: "It takes somebody who may …".
PERMISSION_WORDS: dict[Permission, str] = {
    P.AUTOMATION_REGISTER: "bring in automations for this team",
    P.AUTOMATION_AMEND: "change what is said about this automation",
    P.AUTOMATION_RAISE: "raise this automation's risk",
    P.AUTOMATION_SUBMIT: "submit this automation",
    P.AUTOMATION_STOP: "stop this automation",
    P.AUTOMATION_RESUME: "lift the stop of this automation",
    P.AUTOMATION_RETIRE: "retire this automation",
    P.AUTOMATION_LAPSE: "retire what nobody took up again",
    P.TRANSFER_ASK: "give this automation to another team, as the lead of its own",
    P.TRANSFER_ANSWER: "take this automation over, as the lead of the team that is asked",
    P.TRANSFER_DROP: "leave this automation where it is",
    P.RESOURCE_REGISTER: "register resources",
    P.RESOURCE_PROPOSE: "propose a resource",
    P.RESOURCE_ACCEPT: "accept to answer for this resource",
    P.RESOURCE_ACTIVATE: "confirm who answers for this resource",
    P.RESOURCE_AMEND: "change what is said about this resource",
    P.RESOURCE_BIND: "say what opens this resource",
    P.BINDING_MOVE: "say that a connection opens another resource",
    P.CREDENTIAL_DESCRIBE: "say how old this credential is and where it is kept",
    P.CREDENTIAL_REACH: "say what this credential opens",
    P.CONTROL_SAY: "say that a control stands on this, as who answers for its resource",
    P.CONTROL_END: "take back that a control stands on this",
    P.CREDENTIAL_KEEP: "say whether their store keeps this credential",
    P.INTERIM_NAME: "name who answers for this meanwhile, as its team's lead or a security reviewer",
    P.INTERIM_DROP: "end that somebody answers for this meanwhile",
    P.INCIDENT_DECLARE: "declare an incident on this resource, as who answers for it or for security",
    P.SUBMISSION_WITHDRAW: "withdraw this submission",
    P.SUBMISSION_ANSWER: "answer for the builder",
    P.SUBMISSION_COMMENT: "speak about this submission",
    P.SUBMISSION_ACCEPT: "accept what was approved",
    P.APPROVAL_DECIDE: "decide about this",
    P.APPROVAL_OBJECT: "object to this",
    P.APPROVAL_EXPIRE: "let this expire",
    P.APPROVAL_ASK_NEXT: "ask somebody else to decide",
    P.GRANT_REVOKE: "take this access back",
    P.GRANT_END: "end this access",
    P.SAMPLE_DRAW: "draw what is looked at",
    P.SAMPLE_LOOK: "look at what was drawn",
    P.SAMPLE_LAPSE: "end what nobody looked at",
    P.ITEM_OPEN: "open a review",
    P.ITEM_ANSWER: "answer this review",
    P.ITEM_CLOSE: "close a review",
    P.CAMPAIGN_OPEN: "open a campaign and remind whoever is asked in it",
    P.CAMPAIGN_READ: "read every review",
    P.TEAM_MANAGE: "change teams",
    P.WEBHOOK_MANAGE: "say where events of this team are told",
    P.WEBHOOK_PAUSE: "pause this webhook",
    P.WEBHOOK_FORGET: "forget what this webhook was told long ago",
    P.PERSON_MANAGE: "change who is here",
    P.PERSON_INVITE: "invite a person",
    P.PERSON_PROVE: "say how this person signs in",
    P.PERSON_ERASE: "erase somebody who has left",
    P.DELEGATION_SET: "name who stands in",
    P.TOKEN_MAKE: "make a token of their own",
    P.TOKEN_REVOKE: "revoke this token",
    P.CONFLICT_SCAN: "look for conflicts in everything that is held",
    P.WAIVER_ASK: "ask that a conflict of this automation be waived",
    P.WAIVER_DECIDE: "decide about waivers",
    P.LEDGER_READ: "read the ledger",
    P.SIGNALS_READ: "read who approves for whom",
    P.PROPOSAL_READ: "read proposals",
    P.PROPOSAL_MAKE: "propose a change of rules or of who answers",
    P.PROPOSAL_AMEND: "change this proposal, which only its author does",
    P.PROPOSAL_ANSWER: "countersign this proposal",
    P.PROPOSAL_ACCEPT: "accept what this proposal appoints them to",
    P.PROPOSAL_LAPSE: "let this proposal lapse",
    P.REVOCATION_SAY: "say whether this was taken away, as who answers for what is held or security",
    P.REVOCATION_FOLLOW: "see this revocation through",
    P.BRAKE_ANSWER: "say what becomes of a held batch, as a security reviewer or an admin",
}

#: Roles that a delegate must hold too, where the giver does: "somebody of the same duty" (A11).
SAME_DUTY = (Role.SECURITY_REVIEWER, Role.AUDITOR, Role.ADMIN, Role.ON_CALL)

#: Roles that a person can be assigned; the others follow from being here, or from being a job.
ASSIGNABLE = (Role.BUILDER, Role.SECURITY_REVIEWER, Role.AUDITOR, Role.ADMIN, Role.ON_CALL)
