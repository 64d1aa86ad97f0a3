#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Others who probe the same functions at the same time: probes of tracefs and of perf
# (bpftrace and bcc go by these), the tracers, fprobes, and a module that redirects
# functions as a livepatch does. Whoever comes or leaves first, all count as they do alone.

. "$(dirname "$0")/lib.sh"

ktap_print_header
[ -n "$MODULE" ] || { ktap_skip_all "no tcpwatch.ko: set TCPWATCH_KO"; exit "$KSFT_SKIP"; }
[ -e /vm/env ] || { ktap_skip_all "only in a guest of selftests/vm"; exit "$KSFT_SKIP"; }
loaded && rmmod tcpwatch

T=/sys/kernel/tracing
FUNCTIONS="__inet_bind inet_csk_get_port inet_csk_bind_conflict inet_csk_listen_start
	inet_csk_listen_stop inet_csk_accept tcp_v4_conn_request inet_csk_complete_hashdance"
ROUNDS=10
work=$(mktemp -d)
redirect=/vm/redirect.ko

# In each round a bind that is refused, one that is not, a connection and its end.
cat > "$work/acts.py" <<'END'
import socket, sys
for port in range(18500, 18500 + int(sys.argv[1])):
    s = socket.create_server(('127.0.0.1', port))
    try:
        socket.create_server(('127.0.0.1', port))
        sys.exit('not refused')
    except OSError:
        pass
    c = socket.create_connection(('127.0.0.1', port))
    a = s.accept()[0]
    c.close()
    a.close()
    s.close()
END
acts() {
	# shellcheck disable=SC2016
	unshare -n sh -c 'ip link set lo up; exec python3 "$@"' sh "$work/acts.py" $ROUNDS
	sleep 0.5
}

# The others. For each: NAME_has, NAME_on, NAME_off, NAME_count: lines `what number`.

kprobes_has() { [ -e $T/kprobe_profile ]; }
kprobes_on() {
	for f in $FUNCTIONS; do
		echo "p:others/entry_$f $f" >> $T/kprobe_events
		echo "r:others/return_$f $f" >> $T/kprobe_events
	done
	echo 1 > $T/events/others/enable
}
kprobes_off() {
	echo 0 > $T/events/others/enable
	echo > $T/kprobe_events
}
kprobes_count() { awk '{ print "kprobes " $1, $2; print "kprobes missed", $3 }' $T/kprobe_profile; }

# counts where a line with the name of a file bids it
cat > "$work/perf.py" <<'END'
import ctypes, os, platform, struct, sys
# perf_event_open(), for which libc has no function
number = {'x86_64': 298, 'aarch64': 241}[platform.machine()]
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
kind = int(open('/sys/bus/event_source/devices/kprobe/type').read())
counters = []
for function in sys.argv[1:]:
    name = ctypes.create_string_buffer(function.encode())
    for what, config in (('entry', 0), ('return', 1)):
        fds = []
        for cpu in range(os.cpu_count()):
            # type, size, config, period, sample_type, read_format, flags, wakeup, bp_type,
            # kprobe_func, probe_offset
            attr = struct.pack('=IIQQQQQIIQQ', kind, 72, config, 0, 0, 0, 0, 0, 0,
                               ctypes.addressof(name), 0)
            fd = libc.syscall(number, attr, -1, cpu, -1, 0)
            if fd < 0:
                sys.exit('perf_event_open: ' + os.strerror(ctypes.get_errno()))
            fds.append(fd)
        counters.append((what + '_' + function, fds))
for line in sys.stdin:
    path = line.strip()
    with open(path + '.new', 'w') as file:
        for name, fds in counters:
            count = sum(struct.unpack('=Q', os.read(fd, 8))[0] for fd in fds)
            print('perf', name, count, file=file)
    os.rename(path + '.new', path)
END
perf_has() { [ -e /sys/bus/event_source/devices/kprobe/type ]; }
perf_on() {
	rm -f "$work/bid"
	mkfifo "$work/bid"
	# shellcheck disable=SC2086
	python3 "$work/perf.py" $FUNCTIONS < "$work/bid" &
	perf=$!
	exec 7> "$work/bid"
	perf_count > /dev/null
}
perf_off() {
	exec 7>&-
	wait "$perf"
}
perf_count() {
	rm -f "$work/perf"
	echo "$work/perf" >&7
	within 60 [ -e "$work/perf" ] && cat "$work/perf"
}

tracer_on() {
	echo > $T/trace
	# shellcheck disable=SC2086
	echo $FUNCTIONS > $T/set_ftrace_filter
	echo "$1" > $T/current_tracer
}
tracer_off() {
	echo nop > $T/current_tracer
	echo > $T/set_ftrace_filter
}
function_has() { grep -qw function $T/available_tracers; }
function_on() { tracer_on function; }
function_off() { tracer_off; }
function_count() {
	awk '/ <-[^ ]/ { for (i = 2; i <= NF; i++) if ($i ~ /^<-./) n[$(i - 1)]++ }
		END { for (f in n) print "function", f, n[f] }' $T/trace
}
graph_has() { grep -qw function_graph $T/available_tracers; }
graph_on() { tracer_on function_graph; }
graph_off() { tracer_off; }
graph_count() {
	awk -F '[|] +' '$2 ~ /^[a-z_0-9]+\(/ { sub(/\(.*/, "", $2); n[$2]++ }
		END { for (f in n) print "graph", f, n[f] }' $T/trace
}

fprobes_has() { grep -q 'f\[:' $T/README; }
fprobes_on() {
	echo > $T/trace
	for f in $FUNCTIONS; do
		echo "f:fothers/fentry_$f $f" >> $T/dynamic_events
		echo "f:fothers/freturn_$f $f%return" >> $T/dynamic_events
	done
	echo 1 > $T/events/fothers/enable
}
fprobes_off() {
	echo 0 > $T/events/fothers/enable
	for f in $FUNCTIONS; do
		echo "-:fothers/fentry_$f" >> $T/dynamic_events
		echo "-:fothers/freturn_$f" >> $T/dynamic_events
	done
}
fprobes_count() {
	grep -oE '(fentry|freturn)_[a-z_0-9]+:' $T/trace | sort | uniq -c | awk '{ print "fprobes", $2, $1 }'
}

redirect_has() { [ -e $redirect ]; }
redirect_on() {
	insmod $redirect symbols=__inet_bind,inet_csk_get_port,inet_csk_bind_conflict,inet_csk_listen_stop
}
redirect_off() { rmmod redirect; }
redirect_count() { sed 's/^/redirect /' /sys/module/redirect/parameters/calls; }

# What tcpwatch counts.
ours_count() {
	awk -F '\t' -v functions=" $(echo "$FUNCTIONS" | tr '\n\t' '  ') " '
		NR > 1 && index(functions, " " $1 " ") { print "ours", $1, $5 }
		NR > 1 { print "ours missed", $6 + $7 }' $TREE/hooks
	awk '$1 == "conflicts" || $1 == "rule_listener" || $1 == "accepted" { print "ours", $1, $2 }' $TREE/stats
}

# counts WHO...: added up, into one file
counts() {
	for who; do
		"${who}_count" || echo "$who failed 1"
	done | awk '{ n[$1 " " $2] += $3 } END { for (i in n) print i, n[i] }' | sort
}

# what acts() adds to the counts of WHO...
act() {
	counts "$@" > "$work/before"
	acts || return 1
	counts "$@" | awk 'NR == FNR { before[$1 " " $2] = $3; next }
		{ print $1, $2, $3 - before[$1 " " $2] }' "$work/before" - > "$work/counted"
}

# counted LIKE WHO: those of WHO are as in the file LIKE
counted() {
	grep "$2" "$1" > "$work/like"
	grep "$2" "$work/counted" | diff "$work/like" - > "$work/diff" && [ -s "$work/like" ] && return 0
	sed 's/^/# /' "$work/diff"
	return 1
}

each() { # on|off WHO...
	how=$1
	shift
	for who; do
		"${who}_$how"
	done
}

# together WHO...: those who are there
together() {
	these=
	for who; do
		if "${who}_has"; then
			these="$these $who"
		else
			echo "# no $who here"
		fi
	done
	pattern="^\\($(echo "${these# }" | sed 's/ /\\|/g')\\) "
	# shellcheck disable=SC2086
	set -- $these

	each on "$@"
	act "$@"
	grep "$pattern" "$work/counted" > "$work/alone"
	each off "$@"
	sed 's/^/# alone: /' "$work/alone"

	each on "$@"
	insmod "$MODULE"
	act "$@" ours
	check "$*: there first, they count as without us" counted "$work/alone" "$pattern"
	check "...and we as without them" counted "$work/ours" '^ours '
	rmmod tcpwatch
	act "$@"
	check "...and they when we have left" counted "$work/alone" "$pattern"
	each off "$@"

	insmod "$MODULE"
	each on "$@"
	act "$@" ours
	check "...coming later, they count as without us" counted "$work/alone" "$pattern"
	check "...and we as without them" counted "$work/ours" '^ours '
	each off "$@"
	act ours
	check "...and when they have left" counted "$work/ours" '^ours '
	rmmod tcpwatch
}

cleanup() {
	! loaded || rmmod tcpwatch
	rm -rf "$work"
	insmod "$MODULE"
}
trap cleanup EXIT

ktap_set_plan 14
insmod "$MODULE"
act ours
rmmod tcpwatch
grep '^ours' "$work/counted" > "$work/ours"
sed 's/^/# /' "$work/ours"
alone() { # the workload, and nothing missed
	while read -r what number; do
		grep -qx "ours $what $number" "$work/ours" || { echo "# not $what $number"; return 1; }
	done <<END
conflicts $ROUNDS
rule_listener $ROUNDS
missed 0
__inet_bind $((2 * ROUNDS))
inet_csk_listen_start $ROUNDS
inet_csk_listen_stop $ROUNDS
tcp_v4_conn_request $ROUNDS
inet_csk_complete_hashdance $ROUNDS
END
}
check "alone, tcpwatch counts what was done" alone
together kprobes perf redirect function
same() { # whoever saw a function enter or return saw it as often
	awk '{ sub(/^[a-z]+_/, "", $2) } $2 ~ /^_?_?(inet|tcp)/ && $2 != "missed" {
		if (n[$2] == "") n[$2] = $3; else if (n[$2] != $3) bad = 1 } END { exit bad }' "$work/alone"
}
check "...as often as each other" same
together fprobes kprobes graph

ktap_finished
