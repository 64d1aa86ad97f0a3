#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The events for tracers, as trace-cmd sees them: `tcpwatch:*`, with their fields and
# filters.

. "$(dirname "$0")/lib.sh"

ktap_print_header
loaded || { ktap_skip_all "tcpwatch is not loaded"; exit "$KSFT_SKIP"; }
command -v trace-cmd > /dev/null || { ktap_skip_all "no trace-cmd"; exit "$KSFT_SKIP"; }
ktap_set_plan 12

work=$(mktemp -d)
cleanup() {
	trace-cmd reset > /dev/null 2>&1
	rm -rf "$work"
}
trap cleanup EXIT

stuck=$(sed -n 's/^stuck=//p' $TREE/control)
echo stuck=2 > $TREE/control
# shellcheck disable=SC2016
trace-cmd record -q -e tcpwatch -o "$work/all" unshare -n sh -c \
	'ip link set lo up; exec python3 "$1"' sh "$HERE/acts.py" > "$work/acts" 2> "$work/err" ||
	sed 's/^/# /' "$work/err"
echo "stuck=$stuck" > $TREE/control
pid=$(sed -n 1p "$work/acts")
netns=$(sed -n 2p "$work/acts")
trace-cmd report -i "$work/all" 2> /dev/null | grep "netns=$netns\$" > "$work/report"

# tells EVENT TEXT: there is one that matches
tells() {
	grep -Eq " $1: .*$2" "$work/report" && return 0
	grep " $1: " "$work/report" | sed 's/^/# /'
	return 1
}
lo='\[::ffff:127\.0\.0\.1\]'
check "conflict" tells conflict \
	"call=bind want=$lo:18200 to=\\[::ffff:0\\.0\\.0\\.0\\]:0 rule=listener error=98 pid=$pid holders=1 holder=$lo:18200 peer=\\[::ffff:0\\.0\\.0\\.0\\]:0 state=LISTEN holder_uid=0 frees_ms=0 "
check "tw_reuse" tells tw_reuse "cause=bind_over thanks=reuseaddr pid=$pid holder=$lo:18200 peer=$lo:[0-9]+ "
check "tw_refusal" tells tw_refusal \
	"reason=too_young pid=$pid holder=$lo:18202 peer=$lo:18200 aged_ms=[1-9]"
check "tw_overflow" tells tw_overflow "reason=tcp_max_tw_buckets pid=0 holder=$lo:[0-9]+ peer=$lo:18200 "
check "exhaustion" tells exhaustion "want=$lo:0 to=$lo:18204 percent=90 pool_used=9 pool_free=1 "
check "backlog_overflow" tells backlog_overflow \
	"holder=$lo:18203 backlog=1 accept_now=2 .* syn_accept_full=[1-9]"
check "stuck" tells stuck "holder=$lo:18203 accept_now=2 stuck_ms=[2-9][0-9]{3} "
as_many() { [ "$(grep -c ' conflict: ' "$work/report")" = 3 ]; }
check "every refusal, once" as_many

# by a filter
cat > "$work/two.py" <<'END_OF_TWO'
import socket
for port in (18200, 18201):
    s = socket.create_server(('127.0.0.1', port))
    try:
        socket.create_server(('127.0.0.1', port), reuse_port=False).close()
    except OSError:
        pass
END_OF_TWO
trace-cmd record -q -e tcpwatch:conflict -f 'want_port == 18201 && rule == "listener"' \
	-o "$work/one" python3 "$work/two.py" > /dev/null 2> "$work/err" || sed 's/^/# /' "$work/err"
trace-cmd report -i "$work/one" > "$work/report" 2> /dev/null
one() { [ "$(grep -c ' conflict: ' "$work/report")" = 1 ]; }
check "a filter by port and word" one
check "...takes the right one" tells conflict 'want=.*:18201 '

# who goes by perf or bpftrace finds the fields here
fields() {
	for event in conflict tw_reuse tw_refusal tw_overflow exhaustion backlog_overflow stuck; do
		grep -q 'field:.* netns;' "/sys/kernel/tracing/events/tcpwatch/$event/format" || return 1
	done
}
check "format of every event" fields
off() {
	trace-cmd reset > /dev/null 2>&1
	before=$(stat_value conflicts)
	python3 "$work/two.py"
	[ "$(stat_value conflicts)" = $((before + 2)) ] && [ -r /sys/kernel/tracing/trace ] &&
		! grep -q ' conflict: ' /sys/kernel/tracing/trace
}
check "silent when nobody traces" off

ktap_finished
