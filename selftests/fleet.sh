#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# From the module to an alert: `tcpwatch metrics`, node_exporter, Prometheus and the rules of
# scripts/fleet. Not run by default, since it needs Prometheus: selftests/vm/fleet brings it.

. "$(dirname "$0")/lib.sh"

ktap_print_header
loaded || { ktap_skip_all "tcpwatch is not loaded"; exit "$KSFT_SKIP"; }
for need in prometheus promtool prometheus-node-exporter; do
	command -v $need > /dev/null || { ktap_skip_all "no $need"; exit "$KSFT_SKIP"; }
done
tcpwatch=$HERE/tcpwatch
[ -x "$tcpwatch" ] || tcpwatch=$HERE/../scripts/tcpwatch
fleet=$(dirname "$(readlink -f "$tcpwatch")")/fleet
ktap_set_plan 9

work=$(mktemp -d)
pids=''
# shellcheck disable=SC2086
trap 'kill $pids 2> /dev/null; wait; rm -rf "$work"' EXIT

check "promtool check rules" promtool check rules "$fleet/tcpwatch.rules.yml"
check "promtool test rules" promtool test rules "$fleet/tcpwatch.rules-test.yml"
mkdir "$work/textfiles"
clean() {
	"$tcpwatch" metrics --output "$work/textfiles/tcpwatch.prom" &&
		promtool check metrics < "$work/textfiles/tcpwatch.prom" > "$work/said" 2>&1 &&
		! [ -s "$work/said" ] && return
	sed 's/^/# /' "$work/said"
	return 1
}
check "promtool check metrics" clean
# what the dashboard and the rules ask for is there, or is made by a rule
known() {
	{ sed -n 's/^# TYPE \([^ ]*\) .*/\1/p' "$work/textfiles/tcpwatch.prom"
	  sed -n 's/.*record: //p' "$fleet/tcpwatch.rules.yml"; } | sort -u > "$work/known"
	grep -ohE '([a-z_]+:)?tcpwatch_[a-z_]+(:[a-z0-9]+)?' "$fleet/tcpwatch.rules.yml" \
		"$fleet/tcpwatch-dashboard.json" | sort -u > "$work/asked"
	comm -13 "$work/known" "$work/asked" > "$work/unknown"
	sed 's/^/# /' "$work/unknown"
	! [ -s "$work/unknown" ]
}
check "...has all that rules and dashboard ask for" known

cat > "$work/prometheus.yml" <<END_OF_CONFIG
global: {scrape_interval: 2s, evaluation_interval: 2s}
rule_files: ["$fleet/tcpwatch.rules.yml"]
scrape_configs:
  - {job_name: node, static_configs: [{targets: ["127.0.0.1:9100"]}]}
END_OF_CONFIG
prometheus-node-exporter --collector.disable-defaults --collector.textfile \
	--collector.textfile.directory="$work/textfiles" --web.listen-address=127.0.0.1:9100 \
	> "$work/exporter" 2>&1 &
pids=$!
prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/data" \
	--web.listen-address=127.0.0.1:9090 > "$work/prometheus" 2>&1 &
pids="$pids $!"
while sleep 2; do "$tcpwatch" metrics --output "$work/textfiles/tcpwatch.prom"; done &
pids="$pids $!"

# asks PATH PYTHON: an expression over the `data` of an answer of Prometheus
asks() {
	python3 -c "
import json, sys, urllib.request
data = json.load(urllib.request.urlopen('http://127.0.0.1:9090/api/v1/$1', timeout=10))['data']
sys.exit(not ($2))" 2> /dev/null
}
fires() { asks alerts "any(a['labels']['alertname'] == '$1' and a['state'] == 'firing' for a in data['alerts'])"; }
scraped() { asks 'query?query=tcpwatch_events_total' "data['result']"; }
within 180 scraped || sed 's/^/# /' "$work/prometheus" "$work/exporter"
check "Prometheus has scraped" scraped
sleep 15
quiet() { asks alerts "not data['alerts']"; }
check "...and nothing fires" quiet

cat > "$work/acts.py" <<'END_OF_ACTS'
import socket, time
def knob(name, value):
    open('/proc/sys/net/ipv4/' + name, 'w').write(value)
# a refused bind
s = socket.create_server(('127.0.0.1', 18300))
try:
    socket.create_server(('127.0.0.1', 18300))
except OSError:
    pass
# an overflow
t = socket.create_server(('127.0.0.1', 18301), backlog=1)
waiting = []
for i in range(8):
    c = socket.socket()
    c.setblocking(False)
    c.connect_ex(('127.0.0.1', 18301))
    waiting.append(c)
# an exhaustion
knob('ip_local_port_range', '18310 18319')
many = [(socket.create_connection(('127.0.0.1', 18300)), s.accept()) for i in range(9)]
time.sleep(1000)
END_OF_ACTS
# shellcheck disable=SC2016
unshare -n sh -c 'ip link set lo up; exec python3 "$1"' sh "$work/acts.py" &
pids="$pids $!"
for alert in TcpwatchPortConflict TcpwatchListenerDrops TcpwatchSourcePortsSpent; do
	within 60 fires $alert
	check "$alert fires" fires $alert
done

ktap_finished
