# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What the scripts of this folder share: where things are, how to speak, and
# the two Debian roots (one per suite) in which everything is built, so that
# the result does not depend on the machine that runs them.

# a shell of plain `su` lacks these
PATH=$PATH:/usr/sbin:/sbin
trap 'exit 130' INT TERM HUP

VM=$(cd "$(dirname "$0")" && pwd)
TOP=$(cd "$VM/../.." && pwd)
BUILD=${TCPWATCH_BUILD:-$TOP/build}

# The Debian release that ships 6.1 and 6.12, the tools and the guest's userland.
STABLE=bookworm
# The source package the debug kernel and the kselftest library come from.
SOURCE=linux-source-6.12

SKIP=4

say() { printf 'vm: %s\n' "$*" >&2; }
die() { say "$*"; exit 125; }
skip() { say "SKIP: $*"; exit "$SKIP"; }

# run a noisy command: its output is shown only when it fails, or with V=1
quietly() {
	if [ "${V:-0}" != 0 ]; then
		"$@" >&2
		return
	fi
	mkdir -p "$BUILD"
	quietly_log=$(mktemp "$BUILD/log.XXXXXX")
	if "$@" > "$quietly_log" 2>&1; then
		rm -f "$quietly_log"
		return 0
	else
		quietly_rc=$?
		tail -n 40 "$quietly_log" >&2
		rm -f "$quietly_log"
		return "$quietly_rc"
	fi
}

# one builder at a time for the cache entry NAME
lock() {
	mkdir -p "$BUILD"
	exec 9> "$BUILD/.lock-$1"
	flock 9
}
unlock() { exec 9>&-; }

# as_child COMMAND...: run it so that who ends this shell with TERM ends COMMAND
as_child() {
	"$@" &
	as_child=$!
	trap 'kill "$as_child" 2> /dev/null || :; wait "$as_child" || :; exit 130' TERM
	as_child_rc=0
	wait "$as_child" || as_child_rc=$?
	return "$as_child_rc"
}

# slots FIFO N: N things may run at once, each of which takes a slot before, in this shell
# or one of its children, and gives it back
slots() {
	mkfifo "$1"
	exec 8<> "$1"
	yes '' | head -n "$2" >&8
}
take_slot() { read -r _ <&8; }
give_slot() { echo >&8; }

need_root() { [ "$(id -u)" = 0 ] || die "needs root (chroots and their mounts)"; }

# install the host packages that lack: COMMAND:PACKAGE...
need_host() {
	host_lack=
	for pair; do
		command -v "${pair%%:*}" > /dev/null || host_lack="$host_lack ${pair#*:}"
	done
	[ -n "$host_lack" ] || return 0
	need_root
	say "installing on this machine:$host_lack"
	export DEBIAN_FRONTEND=noninteractive
	lock apt
	# soon after a machine has started its own updates may be at it: for the lock of the
	# lists apt does not wait, for that of dpkg it does when told to
	host_tries=0
	until quietly apt-get update; do
		host_tries=$((host_tries + 1))
		[ $host_tries -lt 30 ] || die "apt-get update failed"
		sleep 10
	done
	# shellcheck disable=SC2086
	quietly apt-get -oDPkg::Lock::Timeout=300 install -y --no-install-recommends $host_lack ||
		die "could not install$host_lack"
	unlock
}

# sources.list lines of SUITE, at the archive this machine's apt already uses
sources() {
	# shellcheck disable=SC1091
	own=$(. /etc/os-release && echo "$VERSION_CODENAME")
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(ORIGIN)' 'Created-By: Packages' |
	awk -v own="$own" -v want="$1" '
		$3 != "Debian" || seen[$1 $2]++ { next }
		$2 == own                { print "deb", $1, want, "main" }
		want == "sid"            { next }
		$2 == own "-security"    { print "deb", $1, want "-security", "main" }
		$2 == own "-updates"     { print "deb", $1, want "-updates", "main" }' | sort -u
}

# copy_changed FROM TO PATTERN...: make TO hold what FROM does, touching no file
# that is the same, so that make rebuilds just what changed
copy_changed() {
	changed_from=$1 changed_to=$2
	shift 2
	for pattern; do
		# shellcheck disable=SC2086
		(cd "$changed_to" && ls -d -- $pattern 2> /dev/null) | while read -r file; do
			[ -f "$changed_from/$file" ] || rm -f "${changed_to:?}/$file"
		done
		# shellcheck disable=SC2086
		(cd "$changed_from" && ls -d -- $pattern 2> /dev/null) | while read -r file; do
			cmp -s "$changed_from/$file" "$changed_to/$file" ||
				cp "$changed_from/$file" "$changed_to/$file"
		done
	done
}

# in_root SUITE DIR COMMAND...: run COMMAND in SUITE's root, in DIR mounted there
in_root() {
	in_root=$BUILD/root-$1 in_dir=$2
	shift 2
	# objtool of newer kernels reads /proc
	# shellcheck disable=SC2016
	unshare --mount --pid --fork --kill-child sh -ec '
		mount --make-rprivate /
		mount --bind "$2" "$1/mnt"
		mount -t proc proc "$1/proc"
		mount --bind /dev "$1/dev"
		root=$1
		shift 2
		exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \
			HOME=/root LC_ALL=C.UTF-8 sh -c "cd /mnt && exec \"\$@\"" sh "$@"
	' sh "$in_root" "$in_dir" "$@"
}

# over_root SUITE DIR COMMAND...: as in_root, but what it writes elsewhere than in DIR is
# gone afterwards
over_root() {
	over=$(mktemp -d "$BUILD/over.XXXXXX")
	over_suite=$1 over_rc=0
	shift
	# shellcheck disable=SC2016
	unshare --mount sh -ec '
		mount --make-rprivate /
		mount -t tmpfs tcpwatch "$1"
		mkdir "$1/upper" "$1/work" "$1/root-$3"
		mount -t overlay tcpwatch -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$1/root-$3"
		TCPWATCH_BUILD=$1
		. "$0"
		suite=$3
		shift 3
		in_root "$suite" "$@"
	' "$VM/lib.sh" "$over" "$BUILD/root-$over_suite" "$over_suite" "$@" || over_rc=$?
	rmdir "$over"
	return $over_rc
}
