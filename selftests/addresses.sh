#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# No address of the kernel is ever printed: everything that root can read of tcpwatch,
# after an event of every kind and with kptr_restrict=0, is looked through for one, as a
# number of any base, as %p prints it hashed, and in the raw records of the tracers.

. "$(dirname "$0")/lib.sh"

ktap_print_header
loaded || { ktap_skip_all "tcpwatch is not loaded"; exit "$KSFT_SKIP"; }
tracing=/sys/kernel/tracing
[ -d $tracing/events/tcpwatch ] || { ktap_skip_all "no tracefs"; exit "$KSFT_SKIP"; }
ktap_set_plan 9

work=$(mktemp -d)
restrict=$(cat /proc/sys/kernel/kptr_restrict)
stuck=$(sed -n 's/^stuck=//p' $TREE/control)
cleanup() {
	echo 0 > $tracing/events/tcpwatch/enable
	echo "$restrict" > /proc/sys/kernel/kptr_restrict
	echo "stuck=$stuck" > $TREE/control
	rm -rf "$work"
}
trap cleanup EXIT

# of the kernel: where its memory and its text are, and what %p makes of them; the cookie
# of a namespace and a time are smaller, the number of an error is larger
cat > "$work/find.py" <<'END_OF_FIND'
import platform, re, struct, sys
arm = platform.machine() == 'aarch64'
def is_address(value):
    value &= (1 << 64) - 1
    return (0xffff000000000000 if arm else 0xffff800000000000) <= value < 0xfffffffffffff000
def of_text(data):
    for found in re.finditer(rb'(?<![0-9A-Za-z_])(-?[0-9]{12,20}|(0x)?[0-9a-f]{9,16})(?![0-9A-Za-z_])', data):
        word = found.group(1).decode()
        if re.fullmatch('-?[0-9]+', word) and is_address(int(word)):
            yield word
        # a hashed one has 16 digits, of which eight are 0
        if is_address(int(word.lstrip('-'), 16)) or re.fullmatch('(0x)?0{8}[0-9a-f]{8}', word):
            yield word
# by the half word, since records are packed; -1 beside something is none
def of_records(data):
    for at in range(0, len(data) - 7, 4):
        value, = struct.unpack_from('<Q', data, at)
        if arm:
            if 0xffff000000000000 < value < 0xfffffe0000000000:
                yield '%016x' % value
        elif 0xffff888000000000 <= value < 0xfffffe8000000000 or \
             0xffffffff80000000 <= value < 0xffffffffff600000:
            yield '%016x' % value
count = 0
for path in sys.argv[2:]:
    data = open(path, 'rb').read()
    for word in (of_records if sys.argv[1] == 'records' else of_text)(data):
        count += 1
        if count <= 5:
            print('#', path, word)
sys.exit(count > 0)
END_OF_FIND
clean() { python3 "$work/find.py" "$@"; }

echo 0 > /proc/sys/kernel/kptr_restrict
# they are found where they are
tail -n 100 /proc/kallsyms > "$work/kallsyms"
address=$(awk '$3 == "inet_csk_get_port" { print $1 }' /proc/kallsyms)
printf 'at %u\n' "0x$address" > "$work/decimal"
printf 'sk=0000000012345678 \n' > "$work/hashed"
python3 -c "import struct, sys
sys.stdout.buffer.write(struct.pack('<IQ', 1, int(sys.argv[1], 16)))" "$address" > "$work/packed"
found() {
	[ "$address" ] && ! clean text "$work/kallsyms" > "$work/out" && grep -q ffff "$work/out" &&
		! clean text "$work/decimal" > "$work/out" && ! clean text "$work/hashed" > "$work/out" &&
		! clean records "$work/packed" > "$work/out"
}
check "an address is found where there is one" found

echo stuck=2 > $TREE/control
mark
echo 1 > $tracing/events/tcpwatch/enable
: > $tracing/trace
# shellcheck disable=SC2016
unshare -n sh -c 'ip link set lo up; exec python3 "$1"' sh "$HERE/acts.py" > "$work/acts"
netns=$(sed -n 2p "$work/acts")
within 10 grep -q "stuck: .*netns=$netns\$" $tracing/trace

cat $tracing/trace > "$work/trace"
kinds() {
	for kind in conflict tw_reuse tw_refusal tw_overflow exhaustion backlog_overflow stuck; do
		grep -q " $kind: .*netns=$netns\$" "$work/trace" && continue
		echo "# $kind"
		return 1
	done
}
check "an event of every kind" kinds
for cpu in "$tracing"/per_cpu/cpu*; do
	dd if="$cpu/trace_pipe_raw" iflag=nonblock bs=64k 2> /dev/null >> "$work/raw"
done
# what stands before the first event is the tracer's
grep ' netns=' "$work/trace" > "$work/events"
check "none in trace events" clean text "$work/events"
raw() { [ -s "$work/raw" ] && clean records "$work/raw"; }
check "...nor in their records" raw
check "...nor in their formats" clean text "$tracing"/events/tcpwatch/*/format

mkdir "$work/files"
for file in /proc/tcpwatch /proc/tcpwatch_* "$TREE"/* /sys/module/tcpwatch/parameters/*; do
	case $file in
	# links to those of procfs
	*/debug/tcpwatch/events|*/debug/tcpwatch/why|*/debug/tcpwatch/ports) continue ;;
	*/debug/tcpwatch/connections|*/debug/tcpwatch/control) continue ;;
	esac
	# the events have no end
	dd if="$file" iflag=nonblock bs=64k 2> /dev/null > "$work/files/$(echo "$file" | tr / _)"
done
read_files() { for file in "$work"/files/*; do [ ! -s "$file" ] || echo "$file"; done; }
full() { [ "$(read_files | wc -l)" -ge 20 ] && grep -q "netns=$netns " "$work"/files/*_events; }
check "every file is read" full
# shellcheck disable=SC2046
check "none in a file" clean text $(read_files)
python3 - > "$work/answers" << 'END_OF_ASK'
import socket
holder = socket.create_server(('127.0.0.1', 18220))
why = open('/proc/tcpwatch_why', 'r+b', buffering=0)
for request in ('tcp 0.0.0.0:18220', 'tcp [::]:18220 reuseport', 'tcp 127.0.0.1:0',
                'tcp 127.0.0.1:18220 fd=%d' % holder.fileno(),
                'connect from 127.0.0.1 to 127.0.0.1:18220'):
    why.write(request.encode())
    print(why.read(65536).decode(), end='')
END_OF_ASK
answers() { [ "$(grep -c verdict= "$work/answers")" = 5 ] && clean text "$work/answers"; }
check "...nor in an answer" answers
dmesg | sed "1,/$MARK/d; s/^\\[[^]]*\\] //" | grep tcpwatch: > "$work/log"
logged() { grep -q 'nobody has accepted' "$work/log" && clean text "$work/log"; }
check "...nor in the kernel log" logged

ktap_finished
