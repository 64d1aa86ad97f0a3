#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The demonstration (scripts/tcpwatch-demo), step by step: it ends well, and the
# refusals it makes are recorded with the rules it teaches, in its order.

. "$(dirname "$0")/lib.sh"

ktap_print_header
loaded || { ktap_skip_all "tcpwatch is not loaded"; exit "$KSFT_SKIP"; }
demo=$HERE/tcpwatch-demo
[ -x "$demo" ] || demo=$HERE/../../scripts/tcpwatch-demo
[ -x "$demo" ] || demo=$HERE/../scripts/tcpwatch-demo
[ -x "$demo" ] || { ktap_skip_all "no tcpwatch-demo"; exit "$KSFT_SKIP"; }
ktap_set_plan 9

out=$(mktemp)
trap 'rm -f "$out"' EXIT
first=$(stat_value events)

runs() { "$demo" > "$out" 2>&1; }
check "the demonstration runs to its end" runs
sed 's/^/# /' "$out"

# the conflicts it made, oldest first: rule state want
made=$(awk -F '\t' -v first="$first" '
	NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
	$1 >= first { print $1, $at["rule"], $at["state"], $at["want"] }
	' $TREE/conflicts | sort -n | cut -d' ' -f2-)
nth() { echo "$made" | sed -n "$1p"; }
is() { [ "$(nth "$1" | cut -d' ' -f"$2")" = "$3" ]; }

three() { [ "$(echo "$made" | grep -c .)" = 3 ]; }
check "three refusals" three
check "a second server: listener" is 1 1 listener
check "a server on the client's port: ephemeral_client" is 2 1 ephemeral_client
check "...whose holder is established" is 2 2 ESTABLISHED
check "a server after the kill: time_wait" is 3 1 time_wait
check "...of port 18080" is 3 3 0.0.0.0:18080
seconds() { grep -Eq ' 0\.0\.0\.0:18080 +time_wait .*python3.*, no process, left by python3\[[0-9]*\], which exited .*, free in (5[5-9]|6[0-7]) s' "$out"; }
check "the page says when it frees" seconds
told() { [ "$(grep -c 'tcpwatch: bind .* refused' "$out")" = 3 ]; }
check "three alerts in the kernel log" told

ktap_finished
