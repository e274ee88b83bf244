#!/usr/bin/env bash
# Starts the quickstart and stays until Ctrl-C; stops everything that it started, by process id.
source "$(dirname "$0")/common.sh"

quickstart=examples/quickstart
calls=127.0.0.1:8080
admin=127.0.0.1:8081
# Weir drains for 30 s by itself.
drain_seconds=35
ready_seconds=60
engine_seconds=20
mkdir -p .weir

simulator=
server=

# Ends one process that this script started: TERM, and KILL when it does not go.
stop() {
    local process=$1 seconds=$2 i
    [ -n "$process" ] && kill -TERM "$process" 2>/dev/null || return 0
    for ((i = 0; i < seconds * 20; i++)); do
        kill -0 "$process" 2>/dev/null || return 0
        sleep 0.05
    done
    say "process $process did not end in $seconds s and is killed"
    kill -KILL "$process" 2>/dev/null || true
}
stop_all() {
    trap '' INT TERM HUP
    trap - EXIT
    [ -n "$simulator$server" ] || return 0
    [ -n "$server" ] && kill -0 "$server" 2>/dev/null && say "draining the calls in flight"
    stop "$server" "$drain_seconds"
    stop "$simulator" 5
    say "stopped"
}
trap 'stop_all; exit 0' INT TERM HUP
trap stop_all EXIT

# A child in a session of its own: Ctrl-C reaches this script alone, which then stops them in order. It ends with this
# script in any case.
start() { setsid setpriv --pdeathsig TERM -- "$@" & }

scripts/setup.sh build
for address in "$calls" "$admin"; do
    port_is_taken "${address##*:}" && die "Port ${address##*:} is used by another process. Stop that one and try again."
done

unset WEIR_LOCAL_MODEL
if make_venv .weir/venv /dev/null $quickstart/requirements.txt; then
    export WEIR_LOCAL_MODEL=1
else
    say "The local model is left out: Python or its packages could not be had (.weir/venv.log says why)."
    rm -rf .weir/venv
fi

build_release

# What the simulated clouds take as their key; it opens nothing else.
export WEIR_SIM_KEY=${WEIR_SIM_KEY:-simulated}
start "$weir" simulate $quickstart/clouds.yaml >.weir/simulate.log 2>&1
simulator=$!
start "$weir" serve $quickstart/weir.yaml
server=$!

alive() {
    kill -0 "$simulator" 2>/dev/null || die "The simulator ended: $(tail -n 3 .weir/simulate.log)"
    kill -0 "$server" 2>/dev/null || die "Weir ended; the lines above say why."
}
for ((i = 0; i < ready_seconds * 20; i++)); do
    alive
    curl -fs -o /dev/null --max-time 2 "http://$admin/readyz" && break
    sleep 0.05
done
curl -fs -o /dev/null --max-time 2 "http://$admin/readyz" || die "Weir was not ready after $ready_seconds s."

# The key is made once and kept; made again if this ledger does not know it.
key_file=.weir/quickstart.key
models() { curl -fs --max-time 5 -H @- "http://$calls/v1/models" <<<"Authorization: Bearer $(cat $key_file)"; }
if [ ! -s $key_file ] || ! listed=$(models); then
    (
        umask 077
        "$weir" keys create --config $quickstart/weir.yaml --tenant demo --team demo --name quickstart --limit 100 |
            tail -n 1 >$key_file
    ) || die "The key could not be made."
    listed=$(models) || die "Weir does not accept the key that it made."
fi
key=$(cat $key_file)

# The line below names the local model only when it answers.
model=gpt-4o
if [ -n "${WEIR_LOCAL_MODEL:-}" ] && [[ $listed == *'"smollm2"'* ]]; then
    engine_port=$(awk '/^engines:/ { inside = 1 } inside && $1 == "port:" { print $2; exit }' $quickstart/weir.yaml)
    for ((i = 0; i < engine_seconds * 20; i++)); do
        alive
        curl -fs -o /dev/null --max-time 2 "http://127.0.0.1:$engine_port/health" && model=smollm2 && break
        sleep 0.05
    done
    [ $model = smollm2 ] || say "The local model is not ready after $engine_seconds s; its log is in the data folder."
fi

cat <<EOF

Weir serves calls on http://$calls and its admin pages on http://$admin. Ctrl-C stops it.

  key   $key

Try:

curl http://$calls/v1/chat/completions -H 'Authorization: Bearer $key' -H 'Content-Type: application/json' -d '{"model":"$model","messages":[{"role":"user","content":"Say hello."}]}'

EOF

# Ends when either does; a signal ends the wait and runs its trap.
wait -n "$simulator" "$server" || true
alive
