#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The manual against what the module prints: every key, rule, column, counter and
# parameter has its place in tcpwatch(4), and nothing is there that is not printed.

. "$(dirname "$0")/lib.sh"

ktap_print_header
loaded || { ktap_skip_all "tcpwatch is not loaded"; exit "$KSFT_SKIP"; }
page=$HERE/man/tcpwatch.4
[ -r "$page" ] || page=$HERE/../scripts/man/tcpwatch.4
[ -r "$page" ] || { ktap_skip_all "no tcpwatch.4"; exit "$KSFT_SKIP"; }
ktap_set_plan 13

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# SECTION [WORD]: the names that a section lists, or its list after a line with WORD
listed() {
	awk -v section="$1" -v word="${2-}" '
		/^\.Sh / { here = $0 == ".Sh " section; list = word == "" }
		here && word != "" && index($0, word) { list = 1; next }
		here && list && /^\.It / {
			gsub(/^\.It |Li |,/, "")
			n = split($0, name, " ")
			for (i = 1; i <= n; i++) print name[i]
		}
		here && list && word != "" && /^\.El/ { exit }' "$page" | sort -u
}
header() { head -n 1 "$TREE/$1" | tr '\t' '\n' | sort -u; }

# what is in one and not in the other is told
same() { # PRINTED LISTED
	sed -i '/^$/d' "$1" "$2"
	diff "$1" "$2" > "$work/diff" && [ -s "$1" ] && return
	sed 's/^/# /' "$work/diff"
	return 1
}
columns() { # TABLE SECTION [WORD]
	header "$1" > "$work/printed"
	listed "$2" "${3-}" > "$work/listed"
	same "$work/printed" "$work/listed"
}

# seq, time and event begin a line of events; columns of conflicts are the other keys
keys() {
	{ header conflicts; printf 'event\nevents\n' | head -n 1; } | sort -u > "$work/printed"
	listed EVENTS > "$work/listed"
	same "$work/printed" "$work/listed"
}
check "keys of events" keys
rules() {
	sed -n 's/^rule_\([^ ]*\) .*/\1/p' $TREE/stats | sort -u > "$work/printed"
	listed RULES > "$work/listed"
	same "$work/printed" "$work/listed"
}
check "rules" rules
check "columns of timewait" columns timewait TIME-WAIT "timewait :"
check "columns of ephemeral" columns ephemeral TIME-WAIT "ephemeral :"
check "columns of listeners" columns listeners LISTENERS
check "columns of ports" columns ports PORTS
check "columns of connections" columns connections CONNECTIONS "connections"
check "columns of reconcile" columns reconcile CONNECTIONS "reconcile :"
check "columns of hooks" columns hooks CONNECTIONS "hooks :"
counters() {
	sed 's/ .*//; s/^rule_.*/rule_*/' $TREE/stats | sort -u > "$work/printed"
	listed COUNTERS > "$work/listed"
	same "$work/printed" "$work/listed"
}
check "counters" counters
names() { for file in "$1"/*; do echo "${file##*/}"; done | sort -u; }
parameters() {
	names /sys/module/tcpwatch/parameters > "$work/printed"
	listed PARAMETERS > "$work/listed"
	same "$work/printed" "$work/listed"
}
check "parameters" parameters
files() {
	names $TREE > "$work/printed"
	listed FILES > "$work/listed"
	same "$work/printed" "$work/listed"
}
check "files" files
tracing=/sys/kernel/tracing
[ -d $tracing/events ] || tracing=/sys/kernel/debug/tracing
fields() {
	cat $tracing/events/tcpwatch/*/format |
		sed -n 's/.*field:.* \([a-z0-9_]*\)\(\[[0-9]*\]\)*;.*offset.*/\1/p' |
		grep -v '^common_' | sort -u > "$work/printed"
	listed "TRACE EVENTS" > "$work/listed"
	same "$work/printed" "$work/listed"
}
check "fields of trace events" fields

ktap_finished
