# SPDX-License-Identifier: GPL-2.0
#
# fish completion of tcpwatch: verbs, their options, and ports that are in use. An option is
# what a verb's own usage names, so there is no list of them here.

function __tcpwatch_verbs
    tcpwatch --help 2>/dev/null | string match -rg '^  ([a-z]+ .*)' | string replace -r '^([a-z]+) +' '$1\t'
end

function __tcpwatch_options
    set -l verb (commandline -opc)[2]
    tcpwatch $verb --help 2>/dev/null | string match -rga '(?:^|[\[ ])(--?[a-z0-9]+)' | sort -u
    echo -- --help
end

function __tcpwatch_ports
    ss -Htan 2>/dev/null | awk '{ sub(/.*:/, "", $4); print $4 }' | sort -un
end

function __tcpwatch_rules
    awk '/^rule_/ { sub(/^rule_/, "", $1); print $1 }' /sys/kernel/debug/tcpwatch/stats 2>/dev/null
end

function __tcpwatch_prev
    test (commandline -opc)[-1] = $argv[1]
end

complete -c tcpwatch -f
complete -c tcpwatch -n 'test (count (commandline -opc)) -eq 1' -a '(__tcpwatch_verbs)'
complete -c tcpwatch -n '__tcpwatch_prev --rule' -a '(__tcpwatch_rules)'
complete -c tcpwatch -n '__tcpwatch_prev --output' -F
complete -c tcpwatch -n 'test (count (commandline -opc)) -ge 2; and string match -q -- "-*" (commandline -ct)' -a '(__tcpwatch_options)'
complete -c tcpwatch -n 'test (count (commandline -opc)) -ge 2; and not string match -q -- "-*" (commandline -ct); and contains -- (commandline -opc)[2] why wait ports tail' -a '(__tcpwatch_ports)'
