#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Switches by which others blind probes: tcpwatch goes on counting, or says that it does
# not, since when, and that it does again.

. "$(dirname "$0")/lib.sh"

ktap_print_header
[ -n "$MODULE" ] || { ktap_skip_all "no tcpwatch.ko: set TCPWATCH_KO"; exit "$KSFT_SKIP"; }
[ -e /vm/env ] || { ktap_skip_all "only in a guest of selftests/vm"; exit "$KSFT_SKIP"; }
switch=/sys/kernel/debug/kprobes/enabled
[ -w $switch ] || { ktap_skip_all "no $switch"; exit "$KSFT_SKIP"; }
loaded || insmod "$MODULE"
ktap_set_plan 16

ftrace=/proc/sys/kernel/ftrace_enabled
tracing=/sys/kernel/tracing
work=$(mktemp -d)
cleanup() {
	echo 1 > $switch
	echo 1 > $ftrace
	[ ! -e "$work/pid" ] || kill "$(cat "$work/pid")" "$parent"
	rm -rf "$work"
}
trap cleanup EXIT

# a row of the hooks
hits() { awk -F '\t' -v symbol="$1" '$1 == symbol { print $5 }' $TREE/hooks; }
# refusals of the storm, and those that were counted
refuse() {
	before=$(stat_value conflicts)
	refused=$("$HERE/storm" 6 3)
	sleep 0.5
	counted=$(($(stat_value conflicts) - before))
	echo "# $refused refused, $counted counted"
}
exactly() { refuse && [ "$refused" -gt 0 ] && [ $counted = "$refused" ]; }
check "it counts" exactly

# a listener whose maker exits while nobody sees it, and is not waited for
cat > "$work/heir.py" <<'END'
import os, socket, sys, time
s = socket.create_server(('127.0.0.1', 18400))
if not os.fork():
    print(os.getpid(), flush=True)
    time.sleep(1000)
print(os.getpid(), file=sys.stderr, flush=True)
sys.stdin.readline()
END
mkfifo "$work/end"
sh -c 'python3 "$1/heir.py" < "$1/end" > "$1/pid" 2> "$1/maker" & exec sleep 1000' sh "$work" &
parent=$!
exec 7> "$work/end"
within 20 [ -s "$work/pid" ]

mark
begun=$(date +%s%N)
echo 0 > $switch
told() { log | grep -q "tcpwatch: probes are $1"; }
check "disarmed: the kernel log says so, though nobody reads" within 10 told disarmed
head -n 2 /proc/tcpwatch > "$work/page"
page() {
	awk 'NR == 1 { for (i = 1; i <= NF; i++) {
			if ($i == "hooks") split($(i + 1), n, "/")
			said = said || ($i == "DISARMED" && $(i + 1) == "for") } }
		NR == 2 { exit !(said && n[1] < n[2] && /probes are disarmed/) }' "$work/page"
}
check "...the page does" page
rows() {
	awk -F '\t' 'NR > 1 && $4 == 0 && $3 != ($2 == "trace" ? "yes" : "disarmed") {
			print "# " $0; bad = 1 }
		END { exit bad }' $TREE/hooks
}
check "...hooks says which" rows
nothing() { refuse && [ "$refused" -gt 0 ] && [ $counted = 0 ]; }
check "...nothing is made up" nothing
knocks=$(hits tcp_v4_conn_request)
echo > "$work/end"
exec 7>&-
python3 -c 'import socket; socket.create_connection(("127.0.0.1", 18400))'
others() { [ "$(hits tcp_v4_conn_request)" -gt "$knocks" ]; }
check "...what ftrace sees is seen" others
sleep 2
echo 1 > $switch
check "armed again: the kernel log says so" within 10 told 'armed again'
ended=$(date +%s%N)
past() {
	head -n 1 /proc/tcpwatch > "$work/page"
	grep -q '  were disarmed 1 times, [0-9]*[ms]' "$work/page" || return 1
	ms=$(stat_value disarmed_ms)
	echo "# $ms ms of $(((ended - begun) / 1000000))"
	# what was between two beats counts as one or the other
	[ "$(stat_value disarmed)" = 1 ] && [ "$ms" -ge 2000 ] &&
		[ "$ms" -le $(((ended - begun) / 1000000 + 500)) ]
}
check "...the page tells how often and for how long" past
check "...it counts again" exactly
exited() {
	! python3 -c 'import socket; socket.create_server(("127.0.0.1", 18400))' 2> /dev/null ||
		return 1
	sleep 0.5
	grep -q "127.0.0.1:18400 LISTEN python3.$(cat "$work/pid")., bound by python3.$(cat "$work/maker")., which exited" \
		/proc/tcpwatch
}
check "...who exited meanwhile is not taken to be alive" within 120 exited

rmmod tcpwatch
echo 0 > $switch
mark
insmod "$MODULE"
late() { head -n 1 /proc/tcpwatch | grep -q ' DISARMED for ' && told disarmed; }
check "loaded while they are disarmed, it says so" late
echo 1 > $switch
check "...and counts when they are armed" exactly

not_off() { ! sh -c "echo 0 > $ftrace" 2> "$work/err" && [ "$(cat $ftrace)" = 1 ]; }
check "ftrace_enabled=0 is refused" not_off
echo '*' > $tracing/set_ftrace_notrace
echo 'vfs_*' > $tracing/set_ftrace_filter
echo 0 > $tracing/tracing_on
check "filters of other tracers and tracing_on=0 do not matter" exactly
echo > $tracing/set_ftrace_notrace
echo > $tracing/set_ftrace_filter
echo 1 > $tracing/tracing_on

rmmod tcpwatch
echo 0 > $ftrace
mark
not_loaded() {
	! insmod "$MODULE" 2> /dev/null && log | grep -q 'tcpwatch: .* cannot be probed (error -16): not loaded' &&
		! loaded && [ ! -e /proc/tcpwatch ]
}
check "with ftrace_enabled=0 it does not load, and says why" not_loaded
echo 1 > $ftrace
again() { insmod "$MODULE" && exactly; }
check "...and does with 1" again

ktap_finished
