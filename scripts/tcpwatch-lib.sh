# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What the verbs share: their usage, what they need, and how an event is read.

# shellcheck disable=SC2034
TREE=/sys/kernel/debug/tcpwatch

# the text of the verb's own file from its third line on
usage() { sed -n '3,/^set -eu/s/^# \{0,1\}//p' "$0" | sed '/^set -eu/d'; }

# asked for help: that needs neither the module nor root
case ${1-} in
-h|--help) usage; exit 0 ;;
esac

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 2
}

# what is wrong with the arguments, then how they are
misused() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	usage >&2
	exit 2
}

need_module() {
	[ -e /proc/tcpwatch ] ||
		die "tcpwatch is not loaded; type: modprobe tcpwatch (in its sources: make load)"
}

need_tree() {
	need_module
	[ ! -r $TREE/control ] || return 0
	awk '$2 == "/sys/kernel/debug" && $3 == "debugfs" { found = 1 } END { exit !found }' \
		/proc/mounts ||
		die "debugfs is not mounted; type: mount -t debugfs debugfs /sys/kernel/debug"
	die "$TREE cannot be read; type: sudo tcpwatch ${0##*/tcpwatch-}"
}

is_number() { case $1 in ''|*[!0-9]*) return 1 ;; esac; }

# a while that is short, where sleep takes one
nap() { sleep 0.2 2> /dev/null || sleep 1; }

# what makes awk look at each line as it comes: mawk would collect them
unbuffered() { ! awk -W version 2>&1 < /dev/null | grep -q ^mawk || echo "-W interactive"; }

# The module writes printable ASCII alone. Were it otherwise, no terminal gets to see it: of
# text that is passed on, and, for awk, of each line.
clean() { LC_ALL=C tr -c '\n\t -~' '?'; }
# shellcheck disable=SC2016
CLEAN='{ gsub(/[^\t -~]/, "?") }
'
# byte by byte: in another locale what is no character matches nothing
awk() { LC_ALL=C command awk "$@"; }

# the last line of the kernel log, and the lines since it was that, however many are kept
last_logged() { dmesg | tail -n 1; }
logged_since() {
	dmesg | LAST=$1 LC_ALL=C command awk '{ line[NR] = $0 }
		$0 == ENVIRON["LAST"] { last = NR }
		END { for (i = last + 1; i <= NR; i++) print line[i] }'
}

stat_value() { awk -v name="$1" '$1 == name { print $2 }' $TREE/stats; }

# retained FIRST: the events from that number on that have happened by now. The stream does
# not end by itself; it is read up to the last of them, which may still be looked into.
retained() {
	retained_last=$(stat_value events)
	if [ "$retained_last" -le "$1" ] || [ "$(stat_value events_retained)" = 0 ]; then
		return
	fi
	# elsewhere the last may be one that this network namespace is not told
	retained_wait=300
	[ "$(readlink /proc/self/ns/net)" = "$(readlink /proc/1/ns/net)" ] || retained_wait=2
	# shellcheck disable=SC2016,SC2046
	LC_ALL=C timeout $retained_wait awk $(unbuffered) -v first="$1" -v last="$retained_last" '
		!/^seq=/ || substr($1, 5) + 0 >= first + 0
		/^seq=/ && substr($1, 5) + 0 >= last - 1 { exit }' $TREE/events || :
}

# ask ADDR:PORT [OPTION]...: the kernel's answer to a bind that nobody makes
ask() {
	exec 4<> /proc/tcpwatch_why || die "/proc/tcpwatch_why cannot be opened"
	printf 'tcp %s\n' "$*" 2> /dev/null >&4 || :
	clean <&4
	exec 4<&-
}

# what an answer says of a key, without quotes; empty when it says nothing
said() { # KEY LINE
	printf '%s\n' "$2" | awk -v key="$1" "$READ_EVENT"'{ read_event($0, of); print of[key] }'
}

# ports_of TABLE CHOICE: a table of ports or connections, whatever the knob `ports` says
ports_of() {
	exec 3<> "$TREE/$1"
	printf '%s\n' "$2" 2> /dev/null >&3 || return 1
	cat <&3
	exec 3<&-
}

# For awk: read_event(line, of) takes a line of key=value apart. A value in quotes may
# hold spaces; \xHH stays as it is, since it may be anything.
# shellcheck disable=SC2016
READ_EVENT='
function read_event(line, of, order,	n, key, value, at, byte) {
	split("", of)
	n = 0
	while (match(line, /^ *[a-z0-9_]+=/)) {
		key = substr(line, 1, RLENGTH - 1)
		sub(/^ */, "", key)
		line = substr(line, RLENGTH + 1)
		value = ""
		if (substr(line, 1, 1) == "\"") {
			for (at = 2; at <= length(line) && substr(line, at, 1) != "\""; at++) {
				byte = substr(line, at, 1)
				if (byte == "\\" && substr(line, at + 1, 1) != "x") {
					byte = substr(line, ++at, 1)
					# so that \x means one thing alone
					if (byte == "\\") byte = "\\x5c"
				}
				value = value byte
			}
			line = substr(line, at + 1)
		} else {
			match(line, /^[^ ]*/)
			value = substr(line, 1, RLENGTH)
			line = substr(line, RLENGTH + 1)
		}
		of[key] = value
		order[++n] = key
	}
	return n
}
function json(text,	out, at, byte) {
	out = ""
	for (at = 1; at <= length(text); at++) {
		byte = substr(text, at, 1)
		if (byte == "\\" && substr(text, at, 4) ~ /^\\x[0-9a-f][0-9a-f]$/) {
			out = out "\\u00" substr(text, at + 2, 2)
			at += 3
		} else if (byte == "\"" || byte == "\\") out = out "\\" byte
		else if (byte == "\t") out = out "\\t"
		else out = out byte
	}
	return "\"" out "\""
}
# names and paths are never numbers, whatever they look like
function json_value(key, text) {
	return key !~ /(comm|cgroup)$/ && text ~ /^(0|-?[1-9][0-9]*)$/ ? text : json(text)
}
function json_event(line,	of, order, n, i, out) {
	n = read_event(line, of, order)
	out = ""
	for (i = 1; i <= n; i++)
		out = out (i > 1 ? "," : "") json(order[i]) ":" json_value(order[i], of[order[i]])
	return "{" out "}"
}
'

# For awk: who_has(of) is who holds the port, in words, of a refused call or an answer; and
# in_the_way(of) what is in the way, if there need be nobody.
# shellcheck disable=SC2016
WHO_HAS='
function process(comm, pid) { return comm "[" pid "]" }
function left_by(of) {
	if (!("bound_pid" in of)) return ""
	return ", left by " process(of["bound_comm"], of["bound_pid"]) \
		(of["bound_exited"] == 1 ? ", which has exited" : "")
}
function who_has(of,	who, what, by) {
	what = of["holder"]
	if (of["peer"] != "") what = what " to " of["peer"]
	if (of["holder_is"] == "time_wait")
		return what " is in TIME-WAIT" left_by(of)
	if ("holder_pid" in of) {
		who = process(of["holder_comm"], of["holder_pid"])
		if (of["holder_procs"] > 1) who = who " and " of["holder_procs"] - 1 " more"
		if ("bound_pid" in of && of["bound_exited"] == 1 && of["bound_pid"] != of["holder_pid"])
			by = ", bound by " process(of["bound_comm"], of["bound_pid"]) ", which has exited"
	} else if (of["holder_is"] == "kernel") who = "the kernel"
	else if (of["holder_is"] == "orphan") who = "a socket that its process has closed" left_by(of)
	else if (of["holder_is"] == "unaccepted") who = "a connection that nobody has accepted"
	else if ("bound_pid" in of) {
		who = "a socket bound by " process(of["bound_comm"], of["bound_pid"])
		if (of["bound_exited"] == 1) who = who ", which has exited,"
	} else who = "a socket of uid " of["holder_uid"]
	if (of["state"] == "LISTEN") return who " listens on " what by
	if (of["state"] == "BOUND") return who " is bound to " what by ", and does not listen"
	return who " has a connection from " what " (" of["state"] ")"
}
# in the way is somebody, or that there is no port left to choose, or else a rule
function in_the_way(of) {
	if ("holder" in of) return who_has(of)
	if ("ports_used" in of)
		return "none of the ports " of["range"] " is free: " of["ports_used"] " are used (" \
			of["ports_time_wait"] " in TIME-WAIT, " of["ports_bound"] " bound), " \
			of["ports_reserved"] " reserved"
	if ("range" in of) return "none of the ports " of["range"] " is free"
	return (of["errno"] == "EADDRINUSE" ? "nobody that could be seen holds it" : of["errno"]) \
		", rule " of["rule"]
}
'
