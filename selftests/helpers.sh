#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The verbs of scripts/tcpwatch, as a person uses them: what they say of ports in every
# situation, how they end, and that they ask for what they lack.

. "$(dirname "$0")/lib.sh"

ktap_print_header
loaded || { ktap_skip_all "tcpwatch is not loaded"; exit "$KSFT_SKIP"; }
tcpwatch=${TCPWATCH:-$HERE/tcpwatch}
[ -x "$tcpwatch" ] || tcpwatch=$HERE/../scripts/tcpwatch
[ -x "$tcpwatch" ] || { ktap_skip_all "no tcpwatch"; exit "$KSFT_SKIP"; }
ktap_set_plan 56

# what others have left is read again by each of the verbs, and here is not looked for
echo clear > $TREE/control
work=$(mktemp -d)
pids=''
cleanup() {
	# shellcheck disable=SC2086
	[ -z "$pids" ] || kill $pids 2> /dev/null
	rm -rf "$work"
}
trap cleanup EXIT

# python in the background, which prints a line when it is ready; its pid goes to $pid
act() { # PROGRAM
	: > "$work/ready"
	echo "import socket, sys, time
def ready():
    print('ready', flush=True)
    time.sleep(1000)
$1" > "$work/program"
	python3 "$work/program" > "$work/ready" &
	pid=$!
	pids="$pids $pid"
	within 20 [ -s "$work/ready" ]
}
gone() { kill "$pid"; wait "$pid" 2> /dev/null; }

# STATUS TEXT COMMAND...: it exits so, and prints a line that matches
says() {
	status=$1 text=$2
	shift 2
	"$@" > "$work/out" 2>&1
	rc=$?
	if [ $rc != "$status" ] || { [ -n "$text" ] && ! grep -Eq "$text" "$work/out"; }; then
		sed 's/^/# /' "$work/out"
		echo "# exit status $rc"
		return 1
	fi
}

# why, in the situations of the README
check "why: a port that is free" says 0 '^0\.0\.0\.0:18100 can be bound\.$' \
	"$tcpwatch" why 18100
act "s = socket.create_server(('127.0.0.1', 18100))
ready()"
check "why: a listener" says 1 \
	"^0\\.0\\.0\\.0:18100 cannot be bound: python3\\[$pid\\] listens on 127\\.0\\.0\\.1:18100\\.\$" \
	"$tcpwatch" why 18100
check "...with the evidence" says 1 '^  rule +listener$' "$tcpwatch" why 18100
check "...not in the way of another address" says 0 'can be bound' \
	"$tcpwatch" why 127.0.0.2:18100
check "...and of IPv6 with the option that helps" says 1 'To get it: set IPV6_V6ONLY' \
	"$tcpwatch" why '[::]:18100'
check "......which does" says 0 'can be bound' "$tcpwatch" why '[::]:18100' --v6only
gone
act "s = socket.socket()
s.bind(('0.0.0.0', 18101))
ready()"
check "why: bound, not listening" says 1 \
	"python3\\[$pid\\] is bound to 0\\.0\\.0\\.0:18101, and does not listen" \
	"$tcpwatch" why 18101
gone
act "s = socket.create_server(('127.0.0.1', 18102))
c = socket.socket()
c.bind(('127.0.0.1', 18103))
c.connect(('127.0.0.1', 18102))
ready()"
check "why: a client has it" says 1 \
	"python3\\[$pid\\] has a connection from 127\\.0\\.0\\.1:18103 to 127\\.0\\.0\\.1:18102 \\(ESTABLISHED\\)" \
	"$tcpwatch" why 18103
gone
leave_time_wait() { # PORT
	act "s = socket.create_server(('127.0.0.1', $1))
c = socket.create_connection(('127.0.0.1', $1))
a = s.accept()[0]
a.close()
c.recv(1)
c.close()
s.close()
ready()"
}
leave_time_wait 18104
check "why: TIME-WAIT" says 1 \
	"is in TIME-WAIT, left by python3\\[$pid\\]" "$tcpwatch" why 18104
check "...which frees by itself" \
	grep -Eq '^It frees by itself in ([1-9]|[1-5][0-9]|6[0-8]) s\.$' "$work/out"
check "...or with SO_REUSEADDR" says 0 'can be bound' "$tcpwatch" why 18104 --reuseaddr
gone
# its child has the socket, and prints its pid
: > "$work/ready"
python3 -c "import os, socket, time
s = socket.create_server(('127.0.0.1', 18109))
if os.fork():
    os._exit(0)
while os.getppid() != 1:
    time.sleep(0.01)
print(os.getpid(), flush=True)
time.sleep(1000)" > "$work/ready"  &
within 20 [ -s "$work/ready" ]
child=$(cat "$work/ready")
pids="$pids $child"
check "why: a child of one that is dead" says 1 \
	"python3\\[$child\\] listens on 127\\.0\\.0\\.1:18109, bound by python3\\[[0-9]+\\], which has exited\\.\$" \
	"$tcpwatch" why 18109
kill "$child"
: > "$work/ready"
unshare -n python3 -c "import os, socket, time
os.system('ip link set lo up')
s = socket.create_server(('127.0.0.1', 18109))
try:
    socket.create_server(('127.0.0.1', 18109))
except OSError:
    print('ready', flush=True)
time.sleep(1000)" > "$work/ready" &
pid=$!
pids="$pids $pid"
within 20 [ -s "$work/ready" ]
check "why: in another network namespace" says 0 \
	"^In network namespace [0-9]+ it was refused to python3\\[$pid\\] at 20[0-9T:-]*Z: python3\\[$pid\\] listens on 127" \
	"$tcpwatch" why 18109
check "...where it can be asked" says 1 "python3\\[$pid\\] listens on" \
	nsenter -t "$pid" -n "$tcpwatch" why 18109
gone
check "why: no port is left to choose" says 1 \
	'^0\.0\.0\.0:0 cannot be bound: none of the ports 18109-18109 is free: 1 are used \(0 in TIME-WAIT, 1 bound\), 0 reserved\.$' \
	unshare -n python3 -c "import socket, subprocess, sys
open('/proc/sys/net/ipv4/ip_local_port_range', 'w').write('18109 18109')
s = socket.socket()
s.bind(('0.0.0.0', 18109))
sys.exit(subprocess.call(['$tcpwatch', 'why', '0']))"

# wait
check "wait: a port that is free" says 0 '' "$tcpwatch" wait 18100
# that of before may be gone, on a slow machine
leave_time_wait 18190
check "...gives up in time, and says for what it waited" says 1 \
	'18190 cannot be bound after 1 s: .* is in TIME-WAIT' "$tcpwatch" wait 18190 --timeout 1
act "s = socket.create_server(('127.0.0.1', 18105))
ready()"
# the server ends when it has been told of
freed() {
	"$tcpwatch" wait 18105 --timeout 600 2> "$work/waits" &
	waiter=$!
	within 30 grep -q 'waiting for 0\.0\.0\.0:18105: python3.* listens' "$work/waits" || return 1
	gone
	wait $waiter
}
check "...returns when it is free" freed
# a process may call itself what it likes
act "open('/proc/self/comm', 'w').write(' verdict=free ')
s = socket.create_server(('127.0.0.1', 18105))
ready()"
check "...not deceived by a name" says 1 'cannot be bound after 0 s' \
	"$tcpwatch" wait 18105 --timeout 0

# run
# by a control group its processes are told from others
if ! grep -q ' cgroup2 ' /proc/mounts; then
	mkdir -p /sys/fs/cgroup
	mount -t cgroup2 none /sys/fs/cgroup
fi
check "run: passes the exit status on" says 5 '' "$tcpwatch" run -- sh -c 'exit 5'
check "...and success, without a word" says 0 '' "$tcpwatch" run true
silent() { ! [ -s "$work/out" ]; }
check "...really" silent
cat > "$work/test.py" <<'END'
import socket, sys
s = socket.socket()
s.bind(('127.0.0.1', 18106))
s.listen()
t = socket.socket()
try:
    t.bind(('127.0.0.1', 18106))
except OSError:
    sys.exit(7)
END
# who is gone before anybody could look is still who bound it
check "...of a test that was refused a port tells who had it" says 7 \
	'bind of 127\.0\.0\.1:18106 by python3\[[0-9]+\] was refused \(EADDRINUSE, listener\): (a socket bound by )?python3\[[0-9]+\] listens on 127\.0\.0\.1:18106' \
	"$tcpwatch" run -- python3 "$work/test.py"
check "...among its own" says 7 '^Its own processes:$' "$tcpwatch" run -- python3 "$work/test.py"
left() { ! find /sys/fs/cgroup -name 'tcpwatch-run.*' | grep .; }
check "...and no control group stays behind" left
check "...and of one that was not that there was nothing" says 3 \
	'^Nothing was refused, dropped or exhausted\.$' "$tcpwatch" run -- sh -c 'exit 3'

# tail
"$tcpwatch" tail --port 18106 --since 5m --json > "$work/tail" &
tailer=$!
pids="$pids $tailer"
objects() { python3 -c "
import json, sys
lines = [json.loads(line) for line in open('$work/tail')]
sys.exit(not lines or any(line['want'] != '127.0.0.1:18106' for line in lines))"; }
check "tail: what was there, as JSON" within 20 objects
count=$(wc -l < "$work/tail")
python3 "$work/test.py"
more() { [ "$(wc -l < "$work/tail")" -gt "$count" ]; }
check "...and what comes" within 20 more
kill $tailer
by_rule() {
	"$tcpwatch" tail --rule "$1" --since 5m > "$work/tail" &
	tailer=$!
	pids="$pids $tailer"
	# it has told all there is
	within 20 asleep $tailer || return 1
	kill $tailer
	! grep -v "rule=$1 " "$work/tail" && [ -s "$work/tail" ]
}
check "...by rule" by_rule listener
four() { [ "$(wc -l < "$work/tail")" -ge 4 ]; }
# numbers are not compared as text: a ninth event may be the last before the tenth
fresh() {
	while stat_value events | grep -qv '[89]$'; do python3 "$work/test.py"; sleep 0.2; done
	"$tcpwatch" tail > "$work/tail" &
	tailer=$!
	pids="$pids $tailer"
	within 20 asleep $tailer || return 1
	python3 "$work/test.py"; python3 "$work/test.py"; python3 "$work/test.py"; python3 "$work/test.py"
	within 20 four
	sleep 1
	kill $tailer
	[ "$(wc -l < "$work/tail")" = 4 ]
}
check "...and nothing that was before" fresh
check "tail: what makes no sense" says 2 'takes a number' "$tcpwatch" tail --since soon

# ports, report, metrics
act "s = socket.create_server(('127.0.0.1', 18107))
ready()"
check "ports" says 0 '18107 +listening .*python3' "$tcpwatch" ports 18107
check "ports -c" says 0 '127\.0\.0\.1:18107 +- +listening +LISTEN' "$tcpwatch" ports -c 18107
check "ports: what makes no sense" says 2 'takes numbers and ranges' "$tcpwatch" ports 0
check "top" says 0 '^127\.0\.0\.1:18107 +python3\[[0-9]+\] +\.+ +0/[0-9]+ ' "$tcpwatch" top -1
fits() {
	LINES=$2 COLUMNS=$1 "$tcpwatch" top -1 < /dev/null > "$work/out"
	awk -v columns="$1" -v lines="$2" 'length > columns { bad = 1 }
		END { exit bad || NR > lines || NR < 6 }' "$work/out" &&
		! grep -q "$(printf '\033')" "$work/out" && return
	sed 's/^/# /' "$work/out"
	return 1
}
# a queue as long as there may be, a crowd of ports
somaxconn=$(cat /proc/sys/net/core/somaxconn)
echo 65535 > /proc/sys/net/core/somaxconn
act "s = socket.create_server(('127.0.0.1', 18108), backlog=65535)
many = [socket.create_server(('127.0.0.1', 18110 + i)) for i in range(60)]
c = [socket.create_connection(('127.0.0.1', 18108)) for i in range(20)]
time.sleep(6)
ready()"
check "...on a screen of 80 by 24, without colour" fits 80 24
check "...of 200 by 50" fits 200 50
echo "$somaxconn" > /proc/sys/net/core/somaxconn
gone
# a terminal, on which it is drawn twice and then quits
drawn() {
	python3 -c "
import os, pty, signal, sys
signal.alarm(600)
pid, fd = pty.fork()
if not pid:
    os.environ['TERM'] = 'vt100'
    os.execv('$tcpwatch', ['tcpwatch', 'top', '-d', '1'])
seen, quit = b'', False
while True:
    try:
        seen += os.read(fd, 4096)
    except OSError:
        break
    if seen.count(b'\033[H') >= 2 and not quit:
        quit = True
        os.write(fd, b'q')
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) or not seen.rstrip().endswith(b'\033[?25h'))"
}
check "...on a terminal, until q, which is left as it was" drawn
check "report" says 0 '^== kernel log$' "$tcpwatch" report
json() { "$tcpwatch" report --json > "$work/json" && python3 -c "
import json
# the deceiver from above is among them
report = json.load(open('$work/json'))
assert any(row['address'] == '127.0.0.1:18107' for row in report['listeners'])
assert any(row['rule'] == 'listener' for row in report['conflicts'])
assert report['events'] and report['stats']['conflicts'] > 0"; }
check "report --json" json
# busybox shows what was logged as it is
harmless() {
	printf 'tcpwatch \033[2J\n' > /dev/kmsg
	"$tcpwatch" report > "$work/out" && ! grep -q "$(printf '\033')" "$work/out"
}
check "...what is hostile in the kernel log" harmless
check "metrics" says 0 '^tcpwatch_refused_total\{rule="listener"\} [1-9]' "$tcpwatch" metrics
check "...of listeners" says 0 \
	'^tcpwatch_listener_backlog\{netns="[0-9]+",address="127\.0\.0\.1:18107",pid="[0-9]+"\} [1-9]' \
	"$tcpwatch" metrics
# what bash would offer after a line of words: one of it is that
offers() { # LINE WORD
	# shellcheck disable=SC2016
	PATH=$(dirname "$tcpwatch"):$PATH bash -c '
		. "$1"
		read -ra COMP_WORDS <<< "$2"
		[[ $2 != *" " ]] || COMP_WORDS+=("")
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		_tcpwatch
		printf "%s\n" "${COMPREPLY[@]}"
	' bash "$(dirname "$tcpwatch")/completion/tcpwatch.bash" "$1" | grep -qx -- "$2"
}
check "bash completes verbs" offers 'tcpwatch re' report
check "...their options" offers 'tcpwatch wait --t' --timeout
check "...ports in use" offers 'tcpwatch why ' 18107
check "...and rules" offers 'tcpwatch tail --rule ' time_wait
once() {
	"$tcpwatch" metrics > "$work/out" && awk '
		/^# TYPE/ { bad += seen[$3]++ > 0 }
		/^[^#]/ { lines++; bad += line[$1]++ > 0 }
		END { exit bad || lines < 20 }' "$work/out"
}
check "...nothing twice" once
# whose folder it is could foresee a name
linked() {
	mkdir "$work/textfiles"
	echo victim > "$work/victim"
	python3 -c "
import os
for n in range(os.getpid(), os.getpid() + 200):
    os.symlink('../victim', '$work/textfiles/t.prom.%d' % n)"
	"$tcpwatch" metrics --output "$work/textfiles/t.prom" &&
		[ "$(cat "$work/victim")" = victim ] && grep -q '^# TYPE' "$work/textfiles/t.prom" &&
		[ ! -L "$work/textfiles/t.prom" ]
}
check "...no link is followed" linked
check "...nor a device replaced" says 2 'takes a regular file: /dev/null' \
	"$tcpwatch" metrics --output /dev/null
gone

# more than is retained, whoever else is refused something: last, for what it leaves there
check "run: what is no longer retained" says 3 \
	'^[0-9]+ events of that time are no longer retained' "$tcpwatch" run -- python3 -c "
import socket, sys
s = socket.create_server(('127.0.0.1', 18109))
for i in range(6000):
    try: socket.socket().bind(('127.0.0.1', 18109))
    except OSError: pass
sys.exit(3)"
daemon() {
	# shellcheck disable=SC2016
	"$tcpwatch" run -- sh -c 'sleep 1000 > /dev/null 2>&1 & echo $! > "$1"; exit 4' sh "$work/daemon"
	[ $? = 4 ] || return 1
	pids="$pids $(cat "$work/daemon")"
	kill -0 "$(cat "$work/daemon")" && ! ls -d /sys/fs/cgroup/tcpwatch-run.* 2> /dev/null
}
check "...and what it leaves running goes where it came from" daemon

# without what they need
check "a verb that is none" says 2 'no such verb: nonsense' "$tcpwatch" nonsense
help() {
	for verb in why wait run tail ports top report metrics demo inuse slow closes; do
		says 0 "usage: tcpwatch-$verb" setpriv --reuid 65534 --clear-groups "$tcpwatch" $verb --help ||
			return 1
	done
}
cp "$(dirname "$tcpwatch")"/tcpwatch* "$work" && chmod 755 "$work" "$work"/tcpwatch*
tcpwatch=$work/tcpwatch
check "help is for everybody" help
refused() { says 2 'cannot be read; type: sudo' setpriv --reuid 65534 --clear-groups "$tcpwatch" ports; }
check "who may not read is told what to type" refused
# as the root of a container, who owns what is root's in procfs
contained() {
	for file in ports connections control; do
		! setpriv --bounding-set -net_admin --inh-caps -net_admin cat /proc/tcpwatch_$file \
			> /dev/null 2>&1 && head -n 1 /proc/tcpwatch_$file > /dev/null || return 1
	done
}
check "root without CAP_NET_ADMIN neither" contained

ktap_finished
