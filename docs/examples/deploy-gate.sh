#!/bin/sh
# Asks Countersign whether what a pipeline is about to deploy may run: brings the export in, submits it, and asks the gate.
#
#   deploy-gate.sh EXPORT [SUBMISSION]
#
# EXPORT is what the platform exported. SUBMISSION is a JSON document that says what it is for and why it needs each thing (see
# docs/api.md); without one nothing is submitted. Run it on every change: what is there already is not imported or asked again.
#
# From the environment: COUNTERSIGN_URL (https://…), COUNTERSIGN_TOKEN (of the team), COUNTERSIGN_OWNER (id of who is accountable, for
# what is new), COUNTERSIGN_ENVIRONMENT (production unless said).
#
# Ends with 0 where it may run, 1 where it is held, and 2 where that could not be found out: deploy on 0 alone.
set -u

export_file=${1:?say which export}
submission=${2:-}
: "${COUNTERSIGN_URL:?}" "${COUNTERSIGN_TOKEN:?}"
environment=${COUNTERSIGN_ENVIRONMENT:-production}
case $COUNTERSIGN_URL in
*@*) plain=yes ;; # what stands before an @ is no host
https://* | http://localhost | http://localhost[:/]* | http://127.0.0.1 | http://127.0.0.1[:/]*) plain=no ;;
*) plain=yes ;;
esac
if [ "$plain" = yes ]; then
    echo "COUNTERSIGN_URL has to be https://HOST: the token is sent to it." >&2
    exit 2
fi
api="${COUNTERSIGN_URL%/}/api/v1"
answer=$(mktemp) || exit 2
trap 'rm -f "$answer"' EXIT

# One request; sets $status, and leaves the document in $answer. The token comes by a pipe: other processes can read a command line.
ask() {
    status=$(printf 'header = "Authorization: Bearer %s"\n' "$COUNTERSIGN_TOKEN" |
        curl --config - --silent --show-error --max-time 60 --retry 3 --output "$answer" --write-out '%{http_code}' "$@") ||
        give_up "Countersign does not answer."
}

send() { # FILE ADDRESS
    ask --header 'Content-Type: application/json' --data-binary "@$1" "$2"
}

# The first value of a member: the document in lines, of which no text can look like one, since quotes in texts are escaped.
member() {
    tr ',{}[]' '\n\n\n\n\n' <"$answer" | sed -n "s/^ *\"$1\": *\"\{0,1\}\([^\"]*\)\"\{0,1\} *\$/\1/p" | head -n 1
}

said() { # the sentence of a member: up to the quote that is not escaped
    sed -nE 's/.*"'"$1"'": "(([^"\\]|\\.)*)".*/\1/p' "$answer" | head -n 1
}

give_up() {
    echo "$1" >&2
    exit 2
}

refused() {
    give_up "$1: $(said detail) $(said to_do) ($status $(member code))"
}

query="name=$(basename "$export_file" | tr -dc 'A-Za-z0-9._-')&environment=$environment"
[ -z "${COUNTERSIGN_OWNER:-}" ] || query="$query&business_owner=$COUNTERSIGN_OWNER"
send "$export_file" "$api/automations?$query"
case $status in
20?) ;;
*) refused "Not imported" ;;
esac
outcome=$(member outcome) automation=$(member id) digest=$(member manifest_digest)
echo "Imported: $outcome, automation $automation, $digest"

if [ -n "$submission" ]; then
    send "$submission" "$api/automations/$automation/submissions?digest=$digest"
    case $status in
    201) echo "Submitted. $(said next) $(said page)" ;;
    200) echo "Asked already. $(said next) $(said page)" ;;
    *) refused "Not submitted" ;;
    esac
fi

ask "$api/gate/$digest?environment=$environment&automation=$automation"
[ "$status" = 200 ] || refused "The gate was not asked"
if [ "$(member allowed)" = true ]; then
    echo "May run. $(said reason)"
    exit 0
fi
echo "Held: $(said reason) $(said to_do) $(said page)" >&2
exit 1
