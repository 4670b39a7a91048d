#!/usr/bin/env bash
# Debian's Postfix in its default profile as a relay to the loopback sink: usage postfix.sh setup|start|stop
# Its own configuration and queue directories; nothing of the machine's Postfix is touched. Needs root and the package.
set -euo pipefail
RUN=${BENCH_RUN:-${TMPDIR:-/tmp}/gateway-bench}/postfix-own
ETC=$RUN/etc
QUEUE=/var/spool/gatepost-bench-postfix
case $1 in
setup)
  rm -rf "$RUN" "$QUEUE"
  mkdir -p "$ETC" "$RUN/data" "$QUEUE"
  cp -r /etc/postfix/* "$ETC/"
  chown postfix "$RUN/data"
  chmod 755 "$RUN" "$ETC"
  sed -i -E 's/^(smtp +inet .*)/127.0.0.1:2525 inet n - n - - smtpd/; s/^(([a-z]+) +unix +[-ny] +[-ny] +)y( )/\1n\3/' "$ETC/master.cf"
  cat > "$ETC/main.cf" << CONFIG
compatibility_level = 3.6
myhostname = mta.bench.test
queue_directory = $QUEUE
data_directory = $RUN/data
maillog_file = $RUN/mail.log
maillog_file_prefixes = $RUN
inet_interfaces = loopback-only
inet_protocols = ipv4
mydestination =
local_recipient_maps =
alias_maps =
mynetworks = 127.0.0.0/8
relayhost = [127.0.0.1]:2600
smtp_tls_security_level = none
smtpd_tls_security_level = none
biff = no
CONFIG
  postfix -c "$ETC" check 2> /dev/null || true
  ;;
start)
  postfix -c "$ETC" start 2> /dev/null
  tr -d ' ' < "$QUEUE/pid/master.pid" > "$RUN/pid"
  ;;
stop)
  postfix -c "$ETC" stop 2> /dev/null || true
  rm -rf "$QUEUE"
  ;;
esac
