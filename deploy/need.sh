#!/bin/sh
# Make sure that what only the tests need is here: need.sh NAME..., a program, or a library with the package it is in
# (`libatomic.so.1=libatomic1`).
# As root on Debian (a build machine) they are installed; a person is told the one command.
missing=""
for name in "$@"; do
    case "$name" in
        *=*) /sbin/ldconfig -p 2>/dev/null | grep -q "^[[:space:]]*${name%%=*} " || missing="$missing ${name#*=}" ;;
        *) command -v "$name" >/dev/null 2>&1 || missing="$missing $name" ;;
    esac
done
[ -z "$missing" ] && exit 0
if [ "${CI:-}" = true ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "mayday: installing$missing for the tests" >&2
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null && exit 0
    echo "mayday: apt-get could not install$missing" >&2
    exit 1
fi
echo "mayday: the tests need$missing. Install with: sudo apt-get install -y$missing" >&2
exit 2
