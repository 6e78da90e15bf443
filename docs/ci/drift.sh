#!/bin/sh
# Looks for drift and tells somebody: by mail to MAIL_TO, by a POST to WEBHOOK. For cron and systemd timers.
# Ends as provision drift does: 0 in sync, 2 drift, 1 nobody can tell.
set -u
cd "${PROJECT:-/srv/network}" || exit 1

code=0
npx provision drift playbooks/gateway.ts -i inventory/prod -q --report drift.json > drift.log 2>&1 || code=$?
case $code in
  0) exit 0 ;;
  2) subject='drift: hosts differ, or checks fail' ;;
  *) subject="drift unknown: provision ended $code" ;;
esac

if [ -n "${MAIL_TO:-}" ]; then
  mail -s "$subject" "$MAIL_TO" < drift.log
fi
if [ -n "${WEBHOOK:-}" ]; then
  curl -fsS -m 30 -H 'Content-Type: text/plain' -H "X-Subject: $subject" --data-binary @drift.log "$WEBHOOK"
fi
exit "$code"
