#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A kernel in lockdown, as Secure Boot has it: what is loaded goes on working at both
# levels, and what is not signed is not loaded. There is no way back from lockdown, so
# this is for a guest alone.

. "$(dirname "$0")/lib.sh"

ktap_print_header
loaded || { ktap_skip_all "tcpwatch is not loaded"; exit "$KSFT_SKIP"; }
[ -e /vm/env ] || { ktap_skip_all "only in a guest of selftests/vm"; exit "$KSFT_SKIP"; }
level=/sys/kernel/security/lockdown
[ -e $level ] || mount -t securityfs securityfs /sys/kernel/security 2> /dev/null
grep -q '\[none\]' $level 2> /dev/null || { ktap_skip_all "no lockdown"; exit "$KSFT_SKIP"; }
tcpwatch=$HERE/tcpwatch
[ -x "$tcpwatch" ] || tcpwatch=$HERE/../scripts/tcpwatch
ktap_set_plan 25

work=$(mktemp -d)
tracing=/sys/kernel/tracing
pid=''
cleanup() {
	[ -z "$pid" ] || kill "$pid"
	rm -rf "$work"
}
trap cleanup EXIT

python3 -c 'import socket, time
s = socket.create_server(("127.0.0.1", 18300))
print("ready", flush=True)
time.sleep(1000)' > "$work/ready" &
pid=$!
within 20 [ -s "$work/ready" ]

# a refusal, with its event and who holds the port
recorded() {
	before=$(stat_value conflicts)
	! python3 -c 'import socket; socket.create_server(("127.0.0.1", 18300))' 2> /dev/null ||
		return 1
	within 10 seen
}
seen() { # as many events as refusals, and the last is this one's
	dd if=$TREE/events iflag=nonblock bs=64k 2> /dev/null |
		grep ' event=conflict ' > "$work/events"
	[ "$(wc -l < "$work/events")" = $((before + 1)) ] &&
		tail -n 1 "$work/events" | grep -q "want=127\.0\.0\.1:18300 .*holder_pid=$pid "
}
readable() {
	for file in /proc/tcpwatch "$TREE"/* /sys/module/tcpwatch/parameters/*; do
		# which has no end
		[ "$file" != $TREE/events ] || continue
		head -n 1 "$file" > "$work/line" && [ -s "$work/line" ] && continue
		echo "# $file"
		return 1
	done
}
writable() { # RATE
	echo "alert_rate=$1" > $TREE/control && grep -q "^alert_rate=$1\$" $TREE/control
}
# by somebody who may no more than that
page() {
	setpriv --reuid 65534 --clear-groups cat /proc/tcpwatch > "$work/page" &&
		grep -q '127\.0\.0\.1:18300' "$work/page" && ! grep -q "\[$pid\]" "$work/page"
}
more() { [ "$(wc -l < "$work/follows")" -gt "$lines" ]; }
follows() { # sleeps in a read, and is woken
	cat /proc/tcpwatch_events > "$work/follows" &
	reader=$!
	within 20 asleep $reader && lines=$(wc -l < "$work/follows") && recorded && within 20 more
	rc=$?
	kill $reader
	return $rc
}
# at once, or in a summary
logged() { mark; recorded && within 30 told; }
told() { log | grep -q 'tcpwatch: .*127\.0\.0\.1:18300'; }
verbs() {
	"$tcpwatch" metrics | grep -q '^tcpwatch_refused_total{rule="listener"} [1-9]' &&
		"$tcpwatch" report | grep -q '^== kernel log$' &&
		"$tcpwatch" top -1 < /dev/null | grep -q '127\.0\.0\.1:18300'
}
traced() {
	echo 1 > $tracing/events/tcpwatch/enable && recorded &&
		grep -q ' conflict: .*:18300 ' $tracing/trace && echo 0 > $tracing/events/tcpwatch/enable
}
untraced() { ! cat $tracing/events/tcpwatch/conflict/enable 2> /dev/null; }
why() { "$tcpwatch" why 127.0.0.1:18300 | grep -q "python3\[$pid\] listens"; }
ports() { "$tcpwatch" ports -c 18300 | grep -q ' listening '; }
run() {
	"$tcpwatch" run -- python3 -c 'import socket
socket.create_server(("127.0.0.1", 18300))' 2>&1 | grep -q "python3\[$pid\] listens"
}
refused_module() {
	mark
	! insmod "$MODULE" 2> "$work/err" && grep -q 'Operation not permitted' "$work/err" &&
		log | grep -q 'Lockdown: insmod: unsigned module loading is restricted'
}

for to in integrity confidentiality; do
	echo $to > $level
	check "$to: a refusal is recorded" recorded
	check "...every file is read" readable
	check "...control is written" writable ${#to}
	check "...why" why
	check "...ports" ports
	check "...a module that is not signed is refused" refused_module
	check "...the page is for everybody" page
	check "...a reader of events is woken" follows
	check "...the kernel log is told" logged
	check "...metrics, report, top" verbs
	case $to in
	integrity) check "...trace events are recorded" traced ;;
	*) check "...trace events are not there" untraced ;;
	esac
	check "...run" run
done
unload() { rmmod tcpwatch && ! loaded && [ ! -e /proc/tcpwatch ]; }
check "...and it is unloaded" unload

ktap_finished
