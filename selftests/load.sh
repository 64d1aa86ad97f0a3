#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Loading and unloading: under a storm of binds, with readers asleep, with
# probes that cannot be planted, with parameters that make no sense.

. "$(dirname "$0")/lib.sh"

ktap_print_header
[ -n "$MODULE" ] || { ktap_skip_all "no tcpwatch.ko: set TCPWATCH_KO"; exit "$KSFT_SKIP"; }
[ "$(id -u)" = 0 ] || { ktap_skip_all "needs root"; exit "$KSFT_SKIP"; }
if loaded && [ ! -e /vm/env ]; then
	ktap_skip_all "tcpwatch is in use here: rmmod it first"
	exit "$KSFT_SKIP"
fi
loaded && rmmod tcpwatch
ktap_set_plan 11

# To find a function by its name and to patch it takes an emulated machine a tenth of a
# second, and there are thirty; a debug kernel takes ten times as long, and a real-time
# one under the storm no less.
lives=8 limit=60
if [ -e /sys/kernel/debug/kmemleak ] || [ -e /sys/kernel/debug/kcsan ] ||
   uname -v | grep -q PREEMPT_RT; then
	lives=5 limit=240
fi

quick_rmmod() { timeout $limit rmmod tcpwatch; }

cycles() {
	"$HERE/storm" 4 3000 > /dev/null &
	storm=$!
	i=0 ok=1 met=0
	while [ $i -lt $lives ] && [ $ok = 1 ]; do
		load || ok=0
		met=$((met + $(stat_value conflicts)))
		quick_rmmod || ok=0
		i=$((i + 1))
	done
	# it was there all the while, and it was felt
	kill -0 $storm 2> /dev/null || ok=0
	echo "# $met refusals seen in $i short lives"
	[ $met -gt 0 ] || ok=0
	# its children too
	pkill -P $storm
	kill $storm 2> /dev/null
	wait $storm 2> /dev/null
	[ $ok = 1 ] && ! loaded
}
check "$lives loads and unloads under a storm" cycles

counts_again() {
	load || return 1
	"$HERE/storm" 6 3 > "/tmp/refused.$$"
	sleep 0.5
	[ "$(stat_value conflicts)" = "$(cat "/tmp/refused.$$")" ]
}
check "after that it still counts exactly" counts_again

# A reader asleep in events sees the end of the file, at once.
home() { ! kill -0 "$reader" 2> /dev/null; }
reader_leaves() {
	cat $TREE/events > /dev/null &
	reader=$!
	within 10 asleep $reader || return 1
	quick_rmmod || return 1
	if ! within 10 home; then
		kill $reader
		return 1
	fi
	wait $reader
}
check "rmmod sends a reader of events home" reader_leaves

# A file left open, and read again after the module has gone.
open_file() {
	load || return 1
	exec 8< $TREE/events
	quick_rmmod || return 1
	! dd bs=4096 count=1 <&8 > /dev/null 2>&1 || return 1
	exec 8<&-
	[ ! -e /proc/tcpwatch ] && [ ! -e /proc/tcpwatch_events ] && [ ! -e $TREE ]
}
check "rmmod with events open, nothing left behind" open_file

# Pollers are queued while they are in no method of ours: rmmod lets them go.
pollers() {
	load || return 1
	python3 - > "/tmp/polled.$$" <<'END' &
import os, select, subprocess, threading, time
path = "/sys/kernel/debug/tcpwatch/events"
fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
while True:
    try:
        os.read(fd, 65536)
    except BlockingIOError:
        break
epoll = select.epoll()
epoll.register(fd, select.EPOLLIN)
poll = select.poll()
poll.register(fd, select.POLLIN)
woken = []
thread = threading.Thread(target=lambda: woken.append(poll.poll(10000)))
thread.start()
time.sleep(0.5)
subprocess.run(["rmmod", "tcpwatch"], check=True)
thread.join(5)
print("woken" if woken and woken[0] else "asleep")
epoll.close()
os.close(fd)
END
	wait $!
	grep -qx woken "/tmp/polled.$$" && ! loaded
}
check "rmmod with poll and epoll on events" pollers

optional() {
	mark
	load without=inet_csk_bind_conflict || return 1
	log | grep -q 'tcpwatch: inet_csk_bind_conflict cannot be probed (error -2): no holder' || return 1
	awk -F '\t' '$1 == "inet_csk_bind_conflict" && $3 == "no" && $4 == -2' $TREE/hooks |
		grep -q . || return 1
	# a kernel may lack others as well
	awk -F '\t' 'NR == FNR { if (FNR > 1) { rows++; armed += $3 == "yes" }; next }
		FNR == 1 { split($0, word, " +")
			for (i = 1; word[i] != ""; i++) if (word[i] == "hooks") n = word[i + 1]
			exit n != armed "/" rows || armed == rows }' $TREE/hooks /proc/tcpwatch || return 1
	# still counted, though not explained
	before=$(stat_value conflicts)
	refused=$("$HERE/storm" 6 3)
	sleep 0.3
	[ "$(stat_value conflicts)" -eq $((before + refused)) ] &&
		[ "$(stat_value rule_unknown)" -gt 0 ] &&
		[ "$(stat_value rule_no_memory)" -eq 0 ] && quick_rmmod
}
check "a missing optional function costs one feature, and says so" optional

required() {
	mark
	! load without=foo,__inet_bind 2> /dev/null &&
		log | grep -q 'tcpwatch: __inet_bind cannot be probed.*not loaded' &&
		! loaded && [ ! -e /proc/tcpwatch ] && load && quick_rmmod
}
check "a missing required function refuses to load, and says which" required

# whatever has failed so far
! loaded || rmmod tcpwatch

# PARAMETER TEXT: does not load, and TEXT is in the kernel log
bad_parameter() {
	mark
	! load "$1" 2> /dev/null && log | grep -q "$2" && ! loaded
}
check "events=3 is refused" bad_parameter events=3 'tcpwatch: events=3'
check "alert_rate=0 is refused" bad_parameter alert_rate=0 'tcpwatch: alert_rate=0'
check "exhaustion=101 is refused" bad_parameter exhaustion=101 'tcpwatch: exhaustion=101'

# The first refusal of a kind is told at once, the others as one line.
settled() {
	[ $(($(stat_value alerts) + $(stat_value alerts_held))) = "$(cat "/tmp/refused.$$")" ]
}
alerts() {
	mark
	start=$(date +%s)
	load alert_rate=2 || return 1
	"$HERE/storm" 6 3 > "/tmp/refused.$$"
	within 20 settled
	lines=$(log | grep -c 'tcpwatch: .* refused (')
	most=$((2 * ($(date +%s) - start + 2)))
	told=$(stat_value alerts)
	held=$(stat_value alerts_held)
	quick_rmmod || return 1
	# unloading sums up what was held back
	summed=$(log | sed -n 's/.*tcpwatch: \([0-9]*\) more refused.*/\1/p' | awk '{ n += $1 } END { print n + 0 }')
	refused=$(cat "/tmp/refused.$$")
	echo "# $refused refused, $told told, $held held back, $summed summed up"
	[ "$lines" -ge 1 ] && [ "$lines" -eq "$told" ] && [ "$told" -le $most ] &&
		[ $((told + held)) -eq "$refused" ] && [ "$summed" -eq "$held" ]
}
check "alerts: told plus held back is all, and is summed up" alerts

rm -f "/tmp/refused.$$" "/tmp/polled.$$"
load
ktap_finished
