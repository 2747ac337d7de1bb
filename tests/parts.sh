#!/bin/sh
# Installs what tests need from the system and do not find: Chromium, nginx, Node, and Redis where no wheel fits. As root on Debian it
# does so; elsewhere it says how, and the tests that need the part are skipped (or fail, where REQUIRE names it). The OpenID
# provider of the browser tests comes by npm, locked.
set -eu
python=$1
missing=""
command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || missing="chromium fonts-dejavu-core"
if [ -z "${REDIS_URL:-}" ] && ! "$python" -c 'import sys; from governance.devserver import broker; sys.exit(broker.find() is None)'; then
    missing="$missing redis-server"
fi
PATH="$PATH:/usr/sbin" command -v nginx >/dev/null 2>&1 || missing="$missing nginx-light"
command -v npm >/dev/null 2>&1 || missing="$missing npm"
install_provider() {
    from=tests/sign_in_servers to="$(dirname "$(dirname "$python")")/sign-in-servers"
    cmp -s $from/package-lock.json "$to/installed.json" && return
    command -v npm >/dev/null 2>&1 || return 0
    echo "Installing for the tests: the OpenID provider …"
    mkdir -p "$to" && cp $from/package.json $from/package-lock.json "$to"
    if npm ci --prefix "$to" --ignore-scripts --no-audit --no-fund --silent; then
        cp $from/package-lock.json "$to/installed.json"
    else
        echo "Could not install the OpenID provider: what follows skips the tests that need it." >&2
    fi
}
if [ -z "$missing" ]; then
    install_provider
    exit 0
fi
how="apt-get install -y --no-install-recommends $missing"
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "NOT FOUND: what follows skips the tests that need it. To run them: $how" >&2
    install_provider
    exit 0
fi
echo "Installing for the tests: $missing …"
export DEBIAN_FRONTEND=noninteractive
# A daemon that the package would start is not wanted: the tests start their own.
apt-get update -qq && RUNLEVEL=1 $how -qq >/dev/null || echo "Could not install: $missing" >&2
install_provider
