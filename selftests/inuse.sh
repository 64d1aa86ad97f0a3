#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# "In use, but nothing is listening" (scripts/tcpwatch-inuse): each of the six
# ways is told with its rule, its holder and what became of who left it.

. "$(dirname "$0")/lib.sh"

ktap_print_header
loaded || { ktap_skip_all "tcpwatch is not loaded"; exit "$KSFT_SKIP"; }
script=$HERE/tcpwatch-inuse
[ -x "$script" ] || script=$HERE/../../scripts/tcpwatch-inuse
[ -x "$script" ] || script=$HERE/../scripts/tcpwatch-inuse
[ -x "$script" ] || { ktap_skip_all "no tcpwatch-inuse"; exit "$KSFT_SKIP"; }
ktap_set_plan 8

out=$(mktemp)
trap 'rm -f "$out"' EXIT
first=$(stat_value events)
refused=$(stat_value conflicts)

runs() { "$script" > "$out" 2>&1; }
check "it runs to its end" runs
sed 's/^/# /' "$out"

# has WAY KEY VALUE...: the n-th refusal, oldest first, has these, as extended regexps
has() {
	way=$1
	shift
	row=$(awk -F '\t' -v first="$first" -v way="$way" '
		NR == 1 { split($0, name); next }
		$1 >= first { row[++rows] = $0 }
		END { n = split(row[rows - way + 1], field)
		      for (i = 1; i <= n; i++) print name[i] "=" field[i] }
		' $TREE/conflicts)
	while [ $# -gt 0 ]; do
		echo "$row" | grep -Eqx "$1=($2)" || { echo "# way $way: no $1=$2"; return 1; }
		shift 2
	done
}
six() { [ "$(stat_value conflicts)" = $((refused + 6)) ]; }
check "six refusals" six
check "TIME-WAIT" has 1 rule time_wait holder_is time_wait bound_comm python3 bound_exited 1 \
	bound_exited_ms '[0-9]+' frees_ms '[56][0-9]{4}'
check "bound only" has 2 rule bound_only holder_is process holder_comm python3 state BOUND
check "a connection's source port" has 3 rule conn_active state ESTABLISHED peer 127.0.0.1:18080
elsewhere() {
	has 4 rule listener netns_pid '[0-9]+' &&
		! has 4 netns "$(readlink /proc/self/ns/net | tr -dc 0-9)" > /dev/null
}
check "another network namespace" elsewhere
check "a dead parent's child" has 5 rule listener holder_is process bound_exited 1
check "range exhausted" has 6 rule range_exhausted range 18090-18093 ports_used 4 ports_free 0

ktap_finished
