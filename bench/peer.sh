#!/usr/bin/env bash
# Gatepost as a relay to the loopback sink of a benchmark: usage peer.sh setup|start|stop   env: DOMAINS=1|100
# Listens on 127.0.0.1:2525 without TLS or AUTH; everything goes to 127.0.0.1:2600, dN.test to 127.0.1.N:2600.
# Differs from the defaults only in what bench/RESULTS.md names: the sink's lane and the listener's per-IP cap.
set -euo pipefail
HERE=$(cd "$(dirname "$0")/.." && pwd)
RUN=${BENCH_RUN:-${TMPDIR:-/tmp}/gateway-bench}/gatepost
# Debian's own interpreter, where it can make an environment: one built without its compiler's optimisations is a fifth slower.
VENV=.venv
if /usr/bin/python3 -c 'import ensurepip' 2> /dev/null; then VENV=.venv-bench; fi
PYTHON=$HERE/$VENV/bin/python
case $1 in
setup)
  if [ $VENV = .venv ]; then make -s -C "$HERE" .venv/.run; else make -s -C "$HERE" VENV=$VENV PYTHON=/usr/bin/python3 $VENV/.run; fi
  rm -rf "$RUN"
  mkdir -p "$RUN"
  "$PYTHON" "$HERE/bench/installation.py" "$RUN" "${DOMAINS:-1}"
  ;;
start)
  setsid "$HERE/$VENV/bin/gatepost" -c "$RUN/gatepost.toml" serve > "$RUN/serve.log" 2>&1 < /dev/null &
  echo $! > "$RUN/pid"
  ;;
stop)
  [ -f "$RUN/pid" ] || exit 0
  PID=$(cat "$RUN/pid")
  kill "$PID" 2> /dev/null || exit 0
  for _ in $(seq 100); do
    kill -0 "$PID" 2> /dev/null || exit 0
    sleep 0.1
  done
  kill -9 "$PID" 2> /dev/null || true
  ;;
esac
