# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# bash completion of tcpwatch: verbs, their options, and ports that are in use. An option is
# what a verb's own usage names, so there is no list of them here.

_tcpwatch_usage() { tcpwatch "$1" --help 2> /dev/null; }

_tcpwatch() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} verb=${COMP_WORDS[1]}
	local words=''

	COMPREPLY=()
	if [[ $COMP_CWORD -eq 1 ]]; then
		words="$(tcpwatch --help 2> /dev/null | awk '/^  [a-z]/ { print $1 }') --help"
	elif [[ $verb == run ]]; then
		# what follows is a command of its own
		mapfile -t COMPREPLY < <(compgen -c -- "$cur")
		return
	elif [[ $prev == --rule ]]; then
		words=$(awk '/^rule_/ { sub(/^rule_/, "", $1); print $1 }' \
			/sys/kernel/debug/tcpwatch/stats 2> /dev/null)
	elif [[ $prev == --output ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
	elif [[ $cur == -* ]]; then
		words="$(_tcpwatch_usage "$verb" | grep -oE -- '(^|[[ ])--?[a-z0-9]+' | tr -d '[ ') --help"
	elif [[ $verb == why || $verb == wait || $verb == ports || $prev == --port ]]; then
		words=$(ss -Htan 2> /dev/null | awk '{ sub(/.*:/, "", $4); print $4 }' | sort -un)
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _tcpwatch tcpwatch
