#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A kernel that was told to do without IPv6 (ipv6.disable=1), where nobody has the tables
# that a question about it would look into.

. "$(dirname "$0")/lib.sh"

ktap_print_header
loaded || { ktap_skip_all "tcpwatch is not loaded"; exit "$KSFT_SKIP"; }
[ "$(cat /sys/module/ipv6/parameters/disable 2> /dev/null)" = 1 ] ||
	{ ktap_skip_all "not booted with ipv6.disable=1"; exit "$KSFT_SKIP"; }
ktap_set_plan 6

invalid() {
	! (echo "$1" > /proc/tcpwatch_why) 2> /dev/null
}
check "a question about ::1 is refused" invalid 'tcp [::1]:8080'
check "...about another address" invalid 'tcp [2001:db8::1]:8080'
check "...about all" invalid 'tcp [::]:8080'
check "...and about a connection" invalid 'connect from [::1] to [::1]:80'
says() {
	python3 -c '
import os
fd = os.open("/proc/tcpwatch_why", os.O_RDWR)
os.write(fd, b"tcp 127.0.0.1:18600")
print(os.read(fd, 65536).decode())' | grep -q 'verdict=free'
}
check "one about IPv4 is answered" says
recorded() {
	before=$(stat_value conflicts)
	python3 -c '
import socket
s = socket.create_server(("127.0.0.1", 18600))
try:
    socket.create_server(("127.0.0.1", 18600))
except OSError:
    pass'
	[ "$(stat_value conflicts)" = $((before + 1)) ] && grep -q '127.0.0.1:18600' /proc/tcpwatch
}
check "a refusal is recorded" recorded

ktap_finished
