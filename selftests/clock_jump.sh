#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The wall clock is set, hours ahead and back: ages, waits and rates go by the time that
# has passed, and an event is stamped by the clock of its time.

. "$(dirname "$0")/lib.sh"

ktap_print_header
loaded || { ktap_skip_all "tcpwatch is not loaded"; exit "$KSFT_SKIP"; }
[ -e /vm/env ] || { ktap_skip_all "only in a guest of selftests/vm"; exit "$KSFT_SKIP"; }
wait=$HERE/tcpwatch-wait
[ -x "$wait" ] || wait=$HERE/../scripts/tcpwatch-wait
ktap_set_plan 13

hour=3600
work=$(mktemp -d)
cat > "$work/server.py" <<'END'
# a listener; a line `accept` takes one connection and closes it first
import socket, sys
s = socket.create_server(('127.0.0.1', 18600))
print('ready', flush=True)
for line in sys.stdin:
    s.accept()[0].close()
    print('accepted', flush=True)
END
mkfifo "$work/bid"
python3 "$work/server.py" < "$work/bid" > "$work/says" &
server=$!
exec 7> "$work/bid"
cleanup() {
	# shellcheck disable=SC2046
	kill $server $(cat "$work/pids" 2> /dev/null) 2> /dev/null
	rm -rf "$work"
}
trap cleanup EXIT
says() { grep -q "$1" "$work/says"; }
within 60 says ready

passed() { # in seconds, since boot, whatever the clock says
	read -r up _ < /proc/uptime
	echo "${up%.*}"
}
jump() { date -s "@$(($(date +%s) + $1))" > /dev/null; }
held=18600
refuse() { python3 -c "import socket; socket.create_server(('127.0.0.1', $held))" 2> /dev/null; }
key() { # COLUMN of the newest conflict
	awk -F '\t' -v name="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i }
		NR == 2 { print $at; exit }' $TREE/conflicts
}
of_listener() { # COLUMN
	awk -F '\t' -v name="$1" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
		$at["address"] == "127.0.0.1:18600" { print $at[name] }' $TREE/listeners
}
since=$(passed)
# no more than has passed since the test began
young() { [ -n "$1" ] && [ "$1" -ge 0 ] && [ "$1" -le $(($(passed) - since + 2)) ]; }

# stamped HOURS: a refusal, and the clock is set at once: its stamp is between the two
stamped() {
	before=$(date +%s)
	refuse
	after=$(date +%s)
	jump $(($1 * hour))
	within 10 newer || return 1
	stamp=$(date -d "$(key time | sed 's/T/ /; s/Z/ UTC/')" +%s)
	echo "# $before <= $stamp <= $after"
	[ "$stamp" -ge "$before" ] && [ "$stamp" -le "$after" ]
}
newer() { [ "$(key seq)" != "$seq" ] && seq=$(key seq); }
ages() { # of all on the page, in seconds
	awk '$1 == "AGE" { on = 1; next } /^$/ && on { exit }
		on && $1 != "fix:" { s = 0; n = split($1, part, /[dhms]/); rest = $1
			while (match(rest, /^[0-9]+[dhms]/)) {
				unit = substr(rest, RLENGTH, 1)
				s += substr(rest, 1, RLENGTH - 1) * (unit == "d" ? 86400 : unit == "h" ? 3600 : unit == "m" ? 60 : 1)
				rest = substr(rest, RLENGTH + 1)
			}
			print s }' /proc/tcpwatch
}
all_young() {
	ages > "$work/ages"
	[ -s "$work/ages" ] || return 1
	while read -r age; do
		young "$age" || { echo "# $age s old"; return 1; }
	done < "$work/ages"
}
seq=$(key seq)
check "stamped by the clock before it is set ahead" stamped 5
check "...and before it is set back" stamped -11
check "...and ahead again" stamped 6
check "ages are of the time that has passed" all_young
row_young() { young $(($(of_listener since_ms) / 1000)); }
check "so is that of a listener" row_young

# somebody waits for accept() meanwhile, and nobody accepts for a while
stuck=$(sed -n 's/^stuck=//p' $TREE/control)
echo stuck=3 > $TREE/control
python3 -c 'import socket, time
c = socket.create_connection(("127.0.0.1", 18600))
print("there", flush=True)
c.recv(1)
c.close()
time.sleep(1000)' > "$work/client" &
echo $! >> "$work/pids"
within 60 test -s "$work/client"
start=$(passed)
jump $((7 * hour))
is_stuck() {
	ms=$(of_listener stuck_ms)
	[ "${ms:--}" != - ]
}
stuck_for() {
	within 60 is_stuck || return 1
	echo "# stuck for $ms ms, $(($(passed) - start)) s"
	[ $(($(passed) - start)) -ge 1 ] && young $((ms / 1000))
}
check "nobody accepts: for so long as has passed" stuck_for
echo "stuck=$stuck" > $TREE/control
jump $((-9 * hour))
echo accept >&7
within 60 says accepted
most=$((($(passed) - start + 2) * 2000000))
waited() { # one, in a class whose lower bound is no more than has passed
	of_listener waits_us | tr ' ' '\n' | awk -F : -v most="$most" '
		{ print "# " $0; n += $2; bad = bad || $1 / 2 > most } END { exit bad || n != 1 }'
}
check "...and who has waited, did so for as long" waited

# the server closed first: TIME-WAIT, which its refusals tell the end of
kill $server
exec 7>&-
within 20 sh -c '! kill -0 '$server' 2> /dev/null'
frees() { # within a minute and what timers are coarser by
	refuse_plain
	within 10 newer || return 1
	[ "$(key rule)" = time_wait ] || { echo "# rule $(key rule)"; return 1; }
	ms=$(key frees_ms)
	echo "# free in $ms ms"
	[ "$ms" -gt 0 ] && [ "$ms" -le 70000 ]
}
refuse_plain() {
	python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 18600))' 2> /dev/null
}
jump $((8 * hour))
check "TIME-WAIT frees in the time that is left" frees
jump $((-8 * hour))
check "...whichever way the clock is set" frees

# waits SECONDS HOURS: it gives up after so many seconds, however the clock is set meanwhile
python3 -c 'import socket, time
s = socket.create_server(("127.0.0.1", 18601))
print("there", flush=True)
time.sleep(1000)' > "$work/holder" &
echo $! >> "$work/pids"
within 60 test -s "$work/holder"
held=18601
waits() {
	start=$(passed)
	"$wait" 18601 --timeout "$1" 2> "$work/told" &
	waiter=$!
	within 30 test -s "$work/told"
	jump $(($2 * hour))
	rc=0
	wait $waiter || rc=$?
	took=$(($(passed) - start))
	echo "# exit $rc after $took s"
	[ $rc = 1 ] && [ $took -ge "$1" ] && [ $took -lt $(($1 + 600)) ]
}
check "wait is not over when the clock is set ahead" waits 6 5
check "...and ends when it is set back" waits 6 -5

settled() { # what was refused is told, or held back
	told=$(($(stat_value alerts) - alerts))
	held=$(($(stat_value alerts_held) - held_before))
	[ $((told + held)) = $(($(stat_value conflicts) - conflicts)) ]
}
# A storm, while the clock runs wild: no more alerts than there were seconds for.
rate() {
	rate=$(sed -n 's/^alert_rate=//p' $TREE/control)
	echo alert_rate=2 > $TREE/control
	alerts=$(stat_value alerts)
	held_before=$(stat_value alerts_held)
	conflicts=$(stat_value conflicts)
	start=$(passed)
	"$HERE/storm" 6 3 > /dev/null &
	storming=$!
	for hours in 1 2 -5 3 4 -7 1 -1; do
		jump $((hours * hour))
		sleep 0.3
	done
	wait $storming
	within 20 settled
	echo "alert_rate=$rate" > $TREE/control
	conflicts=$(($(stat_value conflicts) - conflicts))
	echo "# $conflicts refused, $told told, $held held back, in $(($(passed) - start)) s"
	[ "$told" -ge 1 ] && [ "$told" -le $((2 * ($(passed) - start + 2))) ] &&
		[ $((told + held)) = $conflicts ]
}
check "alerts keep to their rate" rate

# few ports, most of them used
exhausted() {
	exhaustions=$(stat_value exhaustions)
	jump $((-3 * hour))
	# shellcheck disable=SC2016
	unshare -n sh -c 'ip link set lo up
		echo 18610 18619 > /proc/sys/net/ipv4/ip_local_port_range
		exec python3 -c "import os, socket, time
s = socket.create_server((\"127.0.0.1\", 18600), backlog=64)
c = [socket.create_connection((\"127.0.0.1\", 18600)) for i in range(9)]
os.system(\"date -s @$(($(date +%s) + 9 * 3600)) > /dev/null\")
time.sleep(3)"'
	[ "$(stat_value exhaustions)" -gt "$exhaustions" ]
}
check "exhaustion is told" exhausted

ktap_finished
