#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Sockets that are there before the module is: whoever has one open at load is
# taken for the one who bound it, and is remembered like any other.

. "$(dirname "$0")/lib.sh"

ktap_print_header
[ -n "$MODULE" ] || { ktap_skip_all "no tcpwatch.ko: set TCPWATCH_KO"; exit "$KSFT_SKIP"; }
[ "$(id -u)" = 0 ] || { ktap_skip_all "needs root"; exit "$KSFT_SKIP"; }
if loaded && [ ! -e /vm/env ]; then
	ktap_skip_all "tcpwatch is in use here: rmmod it first"
	exit "$KSFT_SKIP"
fi
loaded && rmmod tcpwatch
ktap_set_plan 8

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Holds ports 18081 (listening), 18082 (bound), 18083 (a connection, whose listener
# is closed); a client waits at 18081. At a line `fork` a child takes over, `close` ends the connection.
cat > "$work/holder" <<'END'
import os, socket, sys
open("/proc/self/comm", "w").write("holder")
listener = socket.create_server(("127.0.0.1", 18081), backlog=128)
waits = socket.create_connection(("127.0.0.1", 18081))
bound = socket.socket()
bound.bind(("127.0.0.1", 18082))
server = socket.create_server(("127.0.0.1", 18083))
client = socket.create_connection(("127.0.0.1", 18083))
child = server.accept()[0]
server.close()
print("ready", flush=True)
for line in sys.stdin:
    if line == "fork\n" and os.fork():
        os._exit(0)
    if line == "fork\n":
        open("/proc/self/comm", "w").write("heir")
    if line == "close\n":
        child.close()
        client.close()
    print("ok", flush=True)
END
mkfifo "$work/in" "$work/out"
python3 "$work/holder" < "$work/in" > "$work/out" &
holder=$!
exec 8> "$work/in" 9< "$work/out"
tell() { echo "$1" >&8 && read -r answer <&9 && [ "$answer" = ok ]; }
read -r answer <&9
insmod "$MODULE" || { ktap_print_msg "the module does not load"; exit "$KSFT_FAIL"; }

# refused PORT: make a refusal there; its event
refused() {
	python3 - "$1" <<'END'
import errno, os, select, socket, sys
fd = os.open("/sys/kernel/debug/tcpwatch/events", os.O_RDONLY | os.O_NONBLOCK)
poll = select.poll()
poll.register(fd, select.POLLIN)
while poll.poll(100):
    os.read(fd, 65536)
try:
    socket.socket().bind(("127.0.0.1", int(sys.argv[1])))
    sys.exit("bind() was not refused")
except OSError as error:
    if error.errno != errno.EADDRINUSE:
        raise
# that somebody has waited for long may be told as well
while poll.poll(5000):
    for line in os.read(fd, 65536).decode().splitlines():
        if " event=conflict " in line:
            print(line)
            sys.exit()
sys.exit("no event")
END
}

# says PORT KEY=VALUE...: the event of a refusal there has these; KEY= alone: not this
says() {
	event=$(refused "$1") || return 1
	echo "# $event"
	shift
	for pair; do
		case $pair in
		*=) case " $event " in *" $pair"*) echo "# not: $pair"; return 1 ;; esac ;;
		*) case " $event " in *" $pair "*) ;; *) echo "# no: $pair"; return 1 ;; esac ;;
		esac
	done
}

# row PORT COLUMN...: of the listener there
row() {
	awk -F '\t' -v at="127.0.0.1:$1" -v wanted="$2" '
		NR == 1 { for (i = 1; i <= NF; i++) col[$i] = i; n = split(wanted, names, " "); next }
		$col["address"] == at { for (i = 1; i <= n; i++) printf "%s ", $col[names[i]] }' \
		/sys/kernel/debug/tcpwatch/listeners
}
# read before anything else has happened; its backlog is python's 128
waiting() {
	echo "# $(row 18081 "pid comm accept_now accept_max asked backlog listened_pid")"
	[ "$(row 18081 "pid comm accept_now accept_max asked backlog listened_pid")" = \
		"$holder holder 1 1 - 128 - " ]
}
check "a listener, and who waits in its accept queue" waiting
check "a listener: whoever has it open" \
	says 18081 rule=listener bound_pid=$holder bound_comm=holder bound_uid=0 \
	bound_seeded=1 bound_exited_ms= holder_pid=$holder
check "a socket that was only bound" \
	says 18082 rule=bound_only bound_pid=$holder bound_seeded=1 holder_pid=$holder
# nobody can know any more who bound its port, but who has it open
check "a connection whose listener is gone" \
	says 18083 rule=conn_active holder_pid=$holder holder_is=process

fresh() {
	python3 - "$work" <<'END' &
import socket, sys, time
server = socket.create_server(("127.0.0.1", 18084))
open(sys.argv[1] + "/fresh", "w").close()
time.sleep(600)
END
	other=$!
	tries=0
	while [ ! -e "$work/fresh" ] && [ $tries -lt 300 ]; do
		sleep 0.1
		tries=$((tries + 1))
	done
	says 18084 rule=listener bound_pid=$other bound_seeded= holder_pid=$other
	rc=$?
	kill $other
	wait $other 2> /dev/null
	return $rc
}
check "one that came later was not there before" fresh

forked() {
	tell fork || return 1
	wait $holder
	says 18081 rule=listener bound_pid=$holder bound_comm=holder bound_seeded=1 \
		holder_comm=heir holder_is=process || return 1
	case $event in *" bound_exited_ms="[0-9]*) ;; *) return 1 ;; esac
}
check "it is remembered when it is gone, and its child has the socket" forked

gone() {
	tell close || return 1
	says 18083 rule=time_wait state=TIME-WAIT holder_is=time_wait holder_pid=
}
check "a connection that is closed later" gone

# the heir ends at the end of its input
again() {
	rmmod tcpwatch && insmod "$MODULE" || return 1
	says 18082 rule=bound_only bound_comm=heir bound_seeded=1 bound_exited_ms=
}
check "loaded again, it is the child's" again

exec 8>&- 9<&-
ktap_finished
