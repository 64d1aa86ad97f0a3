# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What the shell tests share: KTAP, and where things are.

TREE=/sys/kernel/debug/tcpwatch
# shellcheck disable=SC2034
HERE=$(cd "$(dirname "$0")" && pwd)

. "$HERE/../kselftest/ktap_helpers.sh"

# the module under test: in a guest of selftests/vm, or where modprobe finds it
MODULE=${TCPWATCH_KO:-/vm/tcpwatch.ko}
[ -f "$MODULE" ] || MODULE=$(modinfo -n tcpwatch 2> /dev/null || :)

# check NAME COMMAND...: one test, passed if COMMAND succeeds
check() {
	name=$1
	shift
	if "$@"; then
		ktap_test_pass "$name"
	else
		ktap_test_fail "$name"
	fi
}

# a line of `name value` from the stats
stat_value() { awk -v name="$1" '$1 == name { print $2 }' $TREE/stats; }

loaded() { grep -q '^tcpwatch ' /proc/modules; }
load() { insmod "$MODULE" "$@"; }

# the kernel log since the mark that was set last
mark() { MARK="selftest mark $$ $(date +%s%N)"; echo "$MARK" > /dev/kmsg; }
log() { dmesg | sed "1,/$MARK/d"; }

# within SECONDS COMMAND...: wait until it succeeds, but no longer; ten times as long where a
# debug kernel runs on a busy machine, which is more than has been seen to be needed
within() {
	deadline=$(($(date +%s) + 10 * $1))
	shift
	until "$@"; do
		[ "$(date +%s)" -lt $deadline ] || return 1
		sleep 0.1
	done
}

# does this process sleep in a read of the events?
asleep() { grep -q tcpwatch_ring_wait "/proc/$1/stack" 2> /dev/null; }
