#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# helpers.sh once more, where there is busybox and little else: its shell runs the verbs,
# and its tools are what they call.

here=$(dirname "$0")
if ! command -v busybox > /dev/null || [ ! -x "$here/tcpwatch" ]; then
	. "$here/lib.sh"
	ktap_print_header
	ktap_skip_all "no busybox, or no tcpwatch"
	exit "$KSFT_SKIP"
fi
work=$(mktemp -d)
mkdir "$work/bin"
for applet in $(busybox --list); do
	case $applet in
	# what networks and privileges are made with here is no business of the verbs
	ip|ss|unshare|nsenter|setpriv|mount) ;;
	*) ln -s "$(command -v busybox)" "$work/bin/$applet" ;;
	esac
done
cp -r "$here"/tcpwatch* "$here/completion" "$work"
sed -i "1s|^#!/bin/sh|#!$work/bin/sh|" "$work"/tcpwatch*
chmod 755 "$work" "$work/bin"
PATH=$work/bin:$PATH TCPWATCH=$work/tcpwatch /bin/sh "$here/helpers.sh"
rc=$?
rm -rf "$work"
exit $rc
