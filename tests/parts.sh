#!/bin/sh
# Installs what tests need from the system and do not find: Chromium, nginx, and Redis where no wheel fits. As root on Debian it
# does so; elsewhere it says how, and the tests that need the part are skipped (or fail, where REQUIRE names it).
set -eu
python=$1
missing=""
command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || missing="chromium fonts-dejavu-core"
if [ -z "${REDIS_URL:-}" ] && ! "$python" -c 'import sys; from governance.devserver import broker; sys.exit(broker.find() is None)'; then
    missing="$missing redis-server"
fi
PATH="$PATH:/usr/sbin" command -v nginx >/dev/null 2>&1 || missing="$missing nginx-light"
[ -n "$missing" ] || exit 0
how="apt-get install -y --no-install-recommends $missing"
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "NOT FOUND: what follows skips the tests that need it. To run them: $how" >&2
    exit 0
fi
echo "Installing for the tests: $missing …"
export DEBIAN_FRONTEND=noninteractive
# A daemon that the package would start is not wanted: the tests start their own.
apt-get update -qq && RUNLEVEL=1 $how -qq >/dev/null || echo "Could not install: $missing" >&2
