#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The module comes and goes, $LIVES times, while everything else goes on at once (rush.h):
# binds, connections, network namespaces, readers and pollers of every file, each resting
# $REST microseconds after a turn: where CPUs share one of this machine, a life takes twice
# as long if none of them ever rests. In the end the kernel's memory is what it was when the
# first of them were over.

. "$(dirname "$0")/lib.sh"

ktap_print_header
[ -n "$MODULE" ] || { ktap_skip_all "no tcpwatch.ko: set TCPWATCH_KO"; exit "$KSFT_SKIP"; }
[ -e /vm/env ] || { ktap_skip_all "only in a guest of selftests/vm"; exit "$KSFT_SKIP"; }
loaded && rmmod tcpwatch
ktap_set_plan 4

LIVES=${LIVES:-5}
work=$(mktemp -d)
rush=''
cleanup() {
	[ -z "$rush" ] || kill "$rush"
	rm -rf "$work"
}
trap cleanup EXIT

# What cannot be given back on demand is in none of these once all is quiet.
settle() {
	sync
	sleep 5
	echo 3 > /proc/sys/vm/drop_caches
	for cache in /sys/kernel/slab/*/shrink; do
		echo 1 > "$cache"
	done 2> /dev/null
	sleep 2
}
# kilobytes: of the slab allocator, of what is allocated for each CPU, of vmalloc()
memory() {
	settle
	awk '/^(Slab|VmallocUsed):/ { sum += $2; printf "%s %d ", $1, $2 }
		/^Percpu:/ { percpu = $2 }
		END { printf "sum: %d percpu: %d\n", sum, percpu }' /proc/meminfo
}
# name and bytes of each cache of the slab allocator
slabs() { awk '!/^(#|slabinfo)/ { print $1, $2 * $4 }' /proc/slabinfo | sort; }

# nice: else it would have most of the CPUs while the module loads, and all lives be long
begin() {
	nice -n 19 "$HERE/rush" 0 "${REST:-0}" > "$work/rush" &
	rush=$!
}
# in the end all that they had, TIME-WAIT as well, goes with their network namespaces
finish() {
	kill -TERM $rush
	wait $rush
	rc=$?
	rush=''
	echo "# $(cat "$work/rush")"
	return $rc
}

# who reads a file of debugfs keeps it for that long
gone() { rmmod tcpwatch 2> /dev/null; }
nothing_left() {
	! loaded && [ ! -e /proc/tcpwatch ] && [ ! -e /proc/tcpwatch_events ] && [ ! -e $TREE ] &&
		! grep -q '\[tcpwatch\]' /proc/kallsyms &&
		! grep -q 'inet_csk_bind_conflict' /sys/kernel/debug/kprobes/list
}
life() {
	insmod "$MODULE" || return 1
	met=$((met + $(stat_value conflicts)))
	within 120 gone || { echo "# it does not leave"; return 1; }
	nothing_left || { echo "# something is left"; return 1; }
}
lives() { # HOW MANY
	begin
	met=0 lived=0 ok=0
	while [ $lived -lt "$1" ]; do
		life || { ok=1; break; }
		lived=$((lived + 1))
		[ $((lived % 50)) != 0 ] || echo "# $lived lives"
	done
	kill -0 "$rush" || ok=1
	finish || ok=1
	echo "# $met refusals seen in $lived lives"
	[ $met -gt 0 ] || ok=1
	return $ok
}

first=$((LIVES / 10 + 1))
check "$first lives under everything at once" lives $first
memory > "$work/before"
slabs > "$work/slabs.before"
check "...and $LIVES more" lives "$LIVES"
# What the rest of the kernel keeps differs by some hundred KB, however many lives there
# were: of a thousand, one that leaves a page behind in three would be seen. What is there
# for each CPU comes and goes by the chunk, of more than a megabyte.
most=$((1024 + LIVES / 10)) most_percpu=2048
of() { sed "s/.*$1: \([0-9]*\).*/\1/" "$work/$2"; } # KEY before|after
even() {
	memory > "$work/after"
	more=$(($(of sum after) - $(of sum before)))
	more_percpu=$(($(of percpu after) - $(of percpu before)))
	[ $more -le $most ] && [ $more_percpu -le $most_percpu ]
}
# namespaces take their time to go
weigh() {
	within 60 even
	rc=$?
	slabs > "$work/slabs.after"
	sed 's/^/# before: /' "$work/before"
	sed 's/^/# after:  /' "$work/after"
	join "$work/slabs.before" "$work/slabs.after" |
		awk '$3 - $2 > 16384 { printf "# %s: %+d bytes\n", $1, $3 - $2 }'
	echo "# $more KB more, of at most $most, and $more_percpu for CPUs, of $most_percpu"
	return $rc
}
check "memory is back where it was" weigh

counts() {
	insmod "$MODULE" || return 1
	"$HERE/storm" 6 3 > "$work/refused"
	sleep 0.5
	[ "$(stat_value conflicts)" = "$(cat "$work/refused")" ]
}
check "and it still counts exactly" counts

ktap_finished
