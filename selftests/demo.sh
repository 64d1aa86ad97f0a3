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
ktap_set_plan 23

# tests before us may have had alerts of more kinds than are told apart at a time
sleep 25
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
restarted() { grep -q 'event=reuse .*call=bind' "$out" || tr -d '\n' < "$out" | grep -q 'event=reuse'; }
check "the restart over TIME-WAIT is recorded" restarted
slow() { sed -n '/too slow/,$p' "$out" | grep -Eq "$1"; }
check "too slow: five wait, one more than the backlog" slow 'LISTEN +5 +4 .*:18090'
check "...the other SYNs are dropped for the accept queue" slow 'syn_accept_full [1-9]'
check "...nobody has accepted for a while" slow 'nobody has accepted for [5-9] s$'
check "...says the kernel log, of whom" \
	slow 'nobody has accepted for [5-9] s, and 5 of 4\+1 wait: held by .*python3\[[0-9]+\] \(S\)'
check "...then ten are accepted" slow '127\.0\.0\.1:18090 .* 10 +[1-9]'
# five were in the queue all the while, the others came in time
waited() { slow '^ +(4\.19 s to 8\.39|8\.39 s to 16\.8) s +5 #####$'; }
check "...half of them had waited for more than four seconds" waited
ends() { sed -n '/One listener, three clients/,/five-tuple/p' "$out" | grep -Ec "$1"; }
listens() { [ "$(ends '^ +0\.0\.0\.0:18080 +- +listening +LISTEN')" = 1 ]; }
check "the table of ends: one listens" listens
of_three() { [ "$(ends "$1")" = 3 ]; }
check "...three were accepted, all on its port" \
	of_three '^ +127\.0\.0\.1:18080 +127\.0\.0\.1:[0-9]+ +accepted +ESTABLISHED'
check "...three were opened by clients, from ports of their own" \
	of_three '^ +127\.0\.0\.1:[0-9]+ +127\.0\.0\.1:18080 +initiated +ESTABLISHED'
whole() { sed -n '/the port as a whole/,/^$/p' "$out" | grep -Eq '^ +18080 +listening,accepted(,initiated)? +3 '; }
check "...and the port has all three" whole
ledger() { sed -n '/At last the ledger/,$p' "$out" | grep -Eq "^ +$1 +$2\$"; }
check "the ledger: we closed first" ledger active_close 1
check "...and one bind went over it" ledger bind_over 1
check "...and who left it is gone" ledger exited 1

ktap_finished
