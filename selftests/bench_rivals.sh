#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# usage: bench_rivals.sh SUBJECT...
#
# What others cost who tell part of what tcpwatch does, in a guest of vm/bench. Each
# subject is measured beside nothing, which comes first, in the same guest: how
# connections are hashed differs from boot to boot. `SUBJECT ROW without|with NS`: a
# batch; `SUBJECT made with N`, `SUBJECT told GROUP N LINES`: how many calls were made, of
# which it has told N, and in so many lines of losses; `SUBJECT failed`: it did not start.
# A list of the subjects: bench_rivals.sh list. Beside them there are `ask`, what it costs
# to ask who uses which ports, and `rate`, whether many refused binds are all accounted for.
export BPFTRACE_MAX_STRLEN=64
out=/tmp/told

# NAME GROUPS ALL WHAT: the groups of bench_rivals in which it is measured; `all`, where it
# answers what tcpwatch is asked there, `part`, where it answers less. Those of bcc in
# Python are compiled as they start, for 12,000,000,000 instructions.
subjects() {
	cat <<-'END'
		tcpwatch whole,refused,listen,flood all with its default parameters, everything armed
		bpftrace_closer whole part who closes first, by process
		bpftrace_states whole part the same by inet_sock_set_state
		bpftrace_wait whole part how long connections wait for accept()
		bpftrace_queue whole part the longest accept queue of each port
		bpftrace_all whole all these three, and drops by port and cause
		bpftrace_kprobes whole all the same by kprobes, which need no BTF
		tcpsynbl.bt whole,flood part how long accept queues are
		tcpsynbl-libbpf whole,flood part the same, of bcc, compiled
		tcpstates-libbpf whole part a line for each change of state, of bcc, compiled
		tcpdrop.bt whole,flood part a line and a stack for each packet dropped
		bpftrace_drops flood all drops by port and cause
		bpftrace_count refused part how many were refused, by process
		bpftrace_line refused all a line each: process
		bpftrace_port refused all a line each: process, port
		bindsnoop-libbpf refused part a line each: process, no port; of bcc, compiled
		bpftrace_listen listen all a line each: process, backlog
		solisten-libbpf listen all a line each: process, port, backlog; of bcc, compiled
		bindsnoop-bpfcc refused part a line each: process, no port; of bcc, Python
		solisten-bpfcc listen all a line each: process, port, backlog; of bcc, Python
		tcpsynbl-bpfcc whole,flood part how long accept queues are; of bcc, Python
		tcpstates-bpfcc whole part a line for each change of state; of bcc, Python
		tcpdrop-bpfcc whole,flood part a line and a stack for each packet dropped; of bcc
	END
}

# Programs of bpftrace. Each adds up in @told how many calls it has told of.
# shellcheck disable=SC2016
set_programs() {
	# who has closed first is left in TIME-WAIT
	closer='fentry:tcp_time_wait { @told[comm] = count(); }'
	states='tracepoint:sock:inet_sock_set_state /args.newstate == 4/ { @told[comm] = count(); }'
	begin='@then[$child] = nsecs;'
	end='@us = hist((nsecs - @then[$child]) / 1000); delete(@then[$child]);'
	longest='@longest[$sk->__sk_common.skc_num] = max($sk->sk_ack_backlog);'
	drops='$port = $sk->__sk_common.skc_num;
		if ($sk->sk_ack_backlog > $sk->sk_max_ack_backlog) { @drops["accept", $port] = count(); }
		else if (((struct inet_connection_sock *)$sk)->icsk_accept_queue.qlen.counter >=
			 $sk->sk_max_ack_backlog) { @drops["SYN", $port] = count(); }'
	# by what is cheapest
	queued='fentry:inet_csk_complete_hashdance { $sk = args.sk; $child = (uint64)args.child;'
	accepted='fexit:inet_csk_accept { $child = (uint64)retval; if (@then[$child]) {'
	syn='fentry:tcp_v4_conn_request { $sk = args.sk;'
	# and by what needs no BTF of functions
	kcloser='kprobe:tcp_time_wait { @told[comm] = count(); }'
	kqueued='kprobe:inet_csk_complete_hashdance { $sk = (struct sock *)arg0; $child = arg1;'
	kaccepted='kretprobe:inet_csk_accept { $child = retval; if (@then[$child]) {'
	ksyn='kprobe:tcp_v4_conn_request { $sk = (struct sock *)arg0;'
	refused='tracepoint:syscalls:sys_exit_bind /args.ret == -98/'
}

# In the background; what it tells goes to $out.
start() {
	case $1 in
	bpftrace_closer) set -- bpftrace -e "$closer" ;;
	bpftrace_states) set -- bpftrace -e "$states" ;;
	bpftrace_wait)
		set -- bpftrace -e "$queued $begin } $accepted $end @told = count(); } }" ;;
	bpftrace_queue) set -- bpftrace -e "$queued $longest @told = count(); }" ;;
	bpftrace_all)
		set -- bpftrace -e "$closer $queued $begin $longest } $accepted $end } } $syn $drops }" ;;
	bpftrace_kprobes)
		set -- bpftrace -e "$kcloser $kqueued $begin $longest } $kaccepted $end } } $ksyn $drops }" ;;
	bpftrace_drops)
		set -- bpftrace -e "$syn $(echo "$drops" | sed s/@drops/@told/g) }" ;;
	bpftrace_count) set -- bpftrace -e "$refused { @told[comm] = count(); }" ;;
	bpftrace_line)
		set -- bpftrace -e "$refused { printf(\"told %d %s\n\", pid, comm); }" ;;
	bpftrace_port)
		set -- bpftrace -e 'fexit:inet_bind_sk /retval == -98/ {
			printf("told %d %s %d\n", pid, comm,
			bswap(((struct sockaddr_in *)args.uaddr)->sin_port)); }' ;;
	bpftrace_listen)
		set -- bpftrace -e 'fentry:inet_listen {
			printf("told %d %s %d\n", pid, comm, args.backlog); }' ;;
	tcpsynbl.bt|tcpdrop.bt) set -- bpftrace "$(command -v "$1")" ;;
	bindsnoop-libbpf) set -- bindsnoop-libbpf -x ;;
	bindsnoop-bpfcc) set -- bindsnoop-bpfcc -E ;;
	esac
	# a shell has what it starts so ignore what it is ended by
	env --default-signal=INT "$@" > $out 2>&1 &
	pid=$!
}

ticks() { awk '{ print $14 + $15 }' "/proc/$pid/stat"; }

# It has started when it has nothing more to do.
started() {
	before=-1
	while after=$(ticks 2> /dev/null) && [ "$after" != "$before" ]; do
		before=$after
		sleep 5
	done
	kill -0 "$pid" 2> /dev/null
}

# How many calls it has told of: of maps the sum, of histograms, of lines their number.
told() { # SUBJECT
	case $1 in
	bpftrace_line|bpftrace_port|bpftrace_listen) grep -c '^told' $out ;;
	bpftrace_*) sed -n 's/^@told.*: \([0-9]*\)$/\1/p' $out | awk '{ n += $1 } END { print n + 0 }' ;;
	tcpsynbl*) awk '/\|/ { sub(/ *\|.*/, ""); n += $NF } END { print n + 0 }' $out ;;
	tcpdrop*) grep -c '^[0-9][0-9]:' $out ;;
	# of which some show ten letters
	*) grep -c 'bench_riva' $out ;;
	esac
}

groups_of() { subjects | awk -v of="$1" '$1 == of { gsub(/,/, " ", $2); print $2 }'; }

# TIME-WAIT of what was measured last costs the next; sleeping is free
calm() { sleep 130; }

measure() { # SUBJECT
	for group in $(groups_of "$1"); do
		calm
		./bench_rivals "$group" | sed "s/^\([^ ]*\) /$1 \1 without /"
		calm
		if [ "$1" = tcpwatch ]; then
			insmod /vm/tcpwatch.ko || return
		else
			start "$1"
			started || { echo "$1 failed"; sed "s/^/# /" $out; return; }
		fi
		./bench_rivals "$group" | sed "s/^\([^ ]*\) /$1 \1 with /"
		if [ "$1" = tcpwatch ]; then
			rmmod tcpwatch
		else
			kill -INT "$pid"
			wait "$pid"
			echo "$1 told $group $(told "$1") $(grep -ciE '(lost|drop).* event|event.* lost' $out)"
		fi
	done
}

# Who uses which ports. An iterator of BPF sees what processes have open: no TIME-WAIT.
SOCKETS=20000
# shellcheck disable=SC2016 # they are bpftrace's, and awk's
ask() {
	iter='iter:task_file {
		$f = ctx->file;
		if ((uint64)$f->f_op == kaddr("socket_file_ops")) {
			$sk = ((struct socket *)$f->private_data)->sk;
			printf("%d %s %d %d\n", ctx->task->tgid, ctx->task->comm,
			       $sk->__sk_common.skc_num, $sk->__sk_common.skc_state);
		} }'
	add_up='{ n[$3 " " $4]++ } END { for (i in n) print i, n[i] }'
	sums='NR > 1 { sub(/.*:/, "", $4); n[$4 " " $1]++ } END { for (i in n) print i, n[i] }'
	insmod /vm/tcpwatch.ko
	./bench_table ask "$SOCKETS" nothing=true \
		"ports=cat /sys/kernel/debug/tcpwatch/ports > /dev/null" \
		"ss=ss -tan | awk '$sums' > /dev/null" \
		"ss_p=ss -tanp | awk '$sums' > /dev/null" \
		"bpftrace_nothing=bpftrace -q -e 'BEGIN { exit(); }' > /dev/null" \
		"bpftrace_iter=bpftrace -q -e '$iter' > /tmp/iter; awk '$add_up' /tmp/iter > /dev/null" |
		sed 's/^/ask /'
	echo "ask rows $(grep -c . /tmp/iter)"
	head -n 3 /tmp/iter | sed 's/^/# /'
	rmmod tcpwatch
}

[ "$1" != list ] || { subjects; exit 0; }
set_programs
mount -t bpf bpf /sys/fs/bpf 2> /dev/null
! grep -q '^tcpwatch ' /proc/modules || rmmod tcpwatch
for subject; do
	case $subject in
	rate)
		insmod /vm/tcpwatch.ko && ./bench_rivals rate | sed 's/^/rate /'
		rmmod tcpwatch ;;
	ask) ask ;;
	*) measure "$subject" ;;
	esac
done
