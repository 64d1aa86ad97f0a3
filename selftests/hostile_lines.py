#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
Event lines and rows of tables as a hostile process would have them, and broken ones, for
the verbs of scripts/tcpwatch: they end, run nothing of it, let no control byte through, and
what they make of it is JSON, Prometheus' format, and the same text.

Neither the module nor a guest is needed: /proc and debugfs are of our own making.

FUZZ_INPUTS is how many lines there are (default 400), FUZZ_SEED where they begin.
"""
import json, os, random, re, shutil, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = "/sys/kernel/debug/tcpwatch"
INPUTS = int(os.environ.get("FUZZ_INPUTS", "400"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
SKIP = 4

any_of = random.Random(SEED)
work = os.environ.get("HOSTILE_WORK", "")
# short, so that a name has room for it; the verbs run in that folder
canary = os.path.join(work, "c")

EVENTS = {
    "conflict": "call errno netns want to reuseaddr reuseport pid tid comm uid cgroup rule fix frees_ms "
                "holders holder peer state holder_is holder_uid holder_ino holder_cgroup holder_pid "
                "holder_comm holder_procs bound_pid bound_comm bound_uid bound_cgroup bound_ms "
                "bound_exited netns_pid range ports_reserved ports_used ports_time_wait ports_bound",
    "exhaustion": "netns want to range ports_used percent pool_used pool_free",
    "backlog": "netns holder state holder_is holder_pid holder_comm holder_cgroup accept_now backlog",
    "stuck": "netns holder state holder_is holder_pid holder_comm holder_cgroup stuck_ms",
    "reuse": "netns want to cause thanks tcp_tw_reuse pid comm uid cgroup",
    "gap": "lost",
}
TABLES = {
    "conflicts": "seq time event " + EVENTS["conflict"],
    "listeners": "netns address dev group pid comm procs runs uid cgroup listened_pid listened_comm "
                 "since_ms asked somaxconn backlog accept_now accept_max accept_max_ms syn_now syn_max "
                 "syn_max_ms syn_accept_full ack_accept_full syn_cookie syn_drop syn_reserve "
                 "syn_no_memory other_drops cookies_sent cookies_received cookies_failed accepted "
                 "accepted_ms stuck_ms marks waits_us waits_lost",
    "timewait": "netns port peer time_wait fin_wait2 oldest_ms newest_ms next_ms last_ms pid comm uid "
                "cgroup exited",
    "ports": "netns port role accepted initiated established syn_sent syn_recv fin_wait1 fin_wait2 "
             "time_wait close_wait last_ack closing listen bound orphans last_ms peers top_peer top_count "
             "unanswered_peer unanswered pid comm exited uid cgroup marks",
    "connections": "netns proto local peer role state recv_q send_q age_ms idle_ms timer timer_ms "
                   "retries pid comm procs uid cgroup belongs",
    "reconcile": "netns counter kernel listeners unattributed",
    "ephemeral": "netns range reserved from to used time_wait reusable bound free percent crowded",
}
RULES = ["listener", "bound_only", "time_wait", "range_exhausted", "unknown"]
WORDS = {
    "call": ["bind", "listen", "connect"], "errno": ["EADDRINUSE", "EADDRNOTAVAIL", "EACCES"],
    "rule": RULES, "state": ["LISTEN", "BOUND", "ESTABLISHED", "TIME-WAIT"],
    "holder_is": ["process", "orphan", "unaccepted", "kernel", "time_wait"],
    "fix": ["stop the listener, or bind another port", "set SO_REUSEADDR on this socket before bind()"],
    "cause": ["connect"], "thanks": ["timestamps"], "runs": ["S", "R"], "role": ["listening", "bound"],
    "marks": ["-", "full,dropping", "close_wait"], "waits_us": ["-", "1:2,1024:7,8388608:1"],
    "proto": ["tcp"], "timer": ["none"], "belongs": ["process"], "counter": ["ListenDrops"],
}
NASTY = [
    b"$(touch c)", b"`touch c`", b"';touch c;'", b'";touch c;"', b"|touch c",
    b"%s%n%d%*d", b"%9999999d", b"\x1b[2J\x1b[31m", b"\x1b]0;title\x07", b"a\nseq=9 event=conflict", b"\\",
    b"\\\\x41", b"\\x41", b'"', b'" rule="x', b"=", b" rule=listener holder=x", b"\t\t", b"", b" ", b"'",
    b"\xff\xfe", b"\xc3\xa4", b"\xe2\x80\xae", b"\x7f", b"\r", b"&", b"\\1", b"{}", b"/", b"../..", b"*",
    b"system(\"touch c\")", b"-1", b"1e999", b"0x10", b"nan", b"inf", b"007", b"null", b"\\u0041",
]


def text(longest):
    """Bytes of a name or path: without NUL, as the kernel has them."""
    made = b""
    for _ in range(any_of.choice([1, 1, 2, 4])):
        if any_of.random() < 0.7:
            made += any_of.choice(NASTY)
        else:
            made += bytes(any_of.randrange(1, 256) for _ in range(any_of.randrange(20)))
    return made[:longest]


def escaped(raw):
    """As tcpwatch(4) says: \\xHH, and quotes where there is a space, quote, backslash or equals sign."""
    quoted = not raw or any(byte in b' "\\=' for byte in raw)
    out = "".join("\\x%02x" % byte if not 0x20 <= byte <= 0x7e else
                  "\\" + chr(byte) if chr(byte) in '"\\' else chr(byte) for byte in raw)
    return '"' + out + '"' if quoted else out


def endpoint():
    host = any_of.choice(["127.0.0.1", "0.0.0.0", "[::1]", "[::]"])
    return "%s:%d" % (host, any_of.randrange(18080, 18084))


def cell(key):
    """What stands there, and what it means."""
    if key.endswith(("comm", "cgroup")):
        raw = text(15 if key.endswith("comm") else 127)
        return escaped(raw), raw.decode("latin-1")
    if key in WORDS:
        word = any_of.choice(WORDS[key])
        return escaped(word.encode()), word
    if key in ("want", "to", "holder", "peer", "address", "local", "top_peer", "from"):
        word = endpoint()
    elif key == "range":
        word = "32768-60999"
    elif key == "time":
        word = "2026-11-22T12:56:12.143433Z"
    else:
        return (number := str(any_of.randrange(100000))), int(number)
    return word, word


def event(seq):
    kind = any_of.choice(list(EVENTS))
    pairs = [("seq", str(seq), seq), ("time",) + cell("time"), ("event", kind, kind)]
    if kind == "gap":
        pairs = pairs[2:]
    pairs += [(key,) + cell(key) for key in EVENTS[kind].split() if any_of.random() < 0.9]
    return (" ".join("%s=%s" % pair[:2] for pair in pairs).encode(),
            {key: meaning for key, _, meaning in pairs})


def row(table):
    cells = [cell(key) for key in TABLES[table].split()]
    if table == "ports" and any_of.random() < 0.05:
        cells[1] = ("*", "*")
    return "\t".join(shown for shown, _ in cells).encode(), [meaning for _, meaning in cells]


def broken(line):
    """What no kernel writes."""
    line = bytearray(line)
    for _ in range(any_of.choice([1, 1, 2, 8])):
        at = any_of.randrange(len(line) + 1)
        what = any_of.randrange(8)
        if what == 0:
            del line[at:]
        elif what == 1:
            line[at:at] = any_of.choice(NASTY)
        elif what == 2:
            line[at:at] = bytes([any_of.randrange(256)])
        elif what == 3:
            del line[at:at + any_of.randrange(40)]
        elif what == 4:
            line[at:at] = line[at // 2:at]
        elif what == 5:
            line[at:at] = b"\0"
        elif what == 6:
            line[at:at] = b"\\x" + any_of.choice([b"", b"g", b"1", b"zz", b"\xff"])
        elif any_of.random() < 0.01:
            line[at:at] = any_of.choice([b"a", b"\\", b'"', b"=", b"\\x1b"]) * 20000
    return bytes(line).replace(b"\n", b" ")


def put(path, data):
    with open(path, "wb") as file:
        file.write(data)


class Wrong(Exception):
    pass


PRINTABLE = re.compile(rb"[\n\t -~]*")


def run(awk, verb, *words, ends=(0,), seconds=300):
    """The output of a verb, of which the least that is asked is asked here."""
    env = dict(os.environ, PATH=awk + ":" + os.environ["PATH"], LINES="200", COLUMNS="200")
    try:
        done = subprocess.run([TCPWATCH, verb, *words], env=env, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=seconds, cwd=work)
    except subprocess.TimeoutExpired:
        raise Wrong("does not end")
    if done.returncode not in ends:
        raise Wrong("exit status %d: %r" % (done.returncode, done.stderr[-300:]))
    for out in done.stdout, done.stderr:
        end = PRINTABLE.match(out).end()
        if end != len(out):
            raise Wrong("not printable: %r" % out[max(0, end - 60):end + 20])
    if os.path.exists(canary):
        os.unlink(canary)
        raise Wrong("ran what it was given")
    return done.stdout


def lay(lines, tables, stats_events):
    """The files, as the verbs find them."""
    put(TREE + "/events", b"".join(line + b"\n" for line in lines))
    for name, rows in tables.items():
        # what a verb writes there lands in front
        front = b"all\n" if name in ("ports", "connections") else b""
        header = TABLES[name].replace(" ", "\t").encode()
        put("%s/%s" % (TREE, name), front + b"\n".join([header, *rows]) + b"\n")
    put(TREE + "/stats", b"events %d\nevents_retained %d\nconflicts 3\nlost 0\n"
        b"rule_listener 3\nrule_unknown 0\ntw_refused_off 1\n" % (stats_events, len(lines)))
    put(TREE + "/hooks", b"symbol\tkind\tarmed\terror\thits\tmissed_nested\tmissed_full\tlost_without\n"
        b"__inet_bind\treturn\tyes\t0\t3\t0\t0\tall\n")
    put(TREE + "/control", b"alert=on\nclear\n")
    put("/proc/tcpwatch", b"tcpwatch 0.1.0  netns 4026531833  up 2s  hooks 28/28\n")


def check_tail(awk, events):
    got = run(awk, "tail", "--since", "24h", "--json") if not events else \
        run(awk, "tail", "--since", "999999h", "--json")
    objects = [json.loads(line) for line in got.decode().splitlines()]
    if events is None:
        return
    if len(objects) != len(events):
        raise Wrong("%d objects of %d events" % (len(objects), len(events)))
    for got, (line, expected) in zip(objects, events):
        if got != expected:
            raise Wrong("%r became %r" % (line, got))
    port = ":18081"
    lines = [line for line, of in events if any(str(of.get(key, "")).endswith(port)
                                                for key in ("want", "holder"))]
    if run(awk, "tail", "--since", "999999h", "--port", "18081") != b"".join(l + b"\n" for l in lines):
        raise Wrong("--port chooses otherwise")
    lines = [line for line, of in events if of.get("rule") == "bound_only"]
    if run(awk, "tail", "--since", "999999h", "--rule", "bound_only") != b"".join(
            l + b"\n" for l in lines):
        raise Wrong("--rule chooses otherwise")


def check_run(awk, events):
    put(work + "/more", b"events 1000000000\nevents_retained 1\n")
    stats = open(TREE + "/stats", "rb").read()
    run(awk, "run", "sh", "-c", "cp %s/more %s/stats; exit 7" % (work, TREE), ends=(7,))
    put(TREE + "/stats", stats)


def check_report(awk, rows):
    run(awk, "report")
    got = json.loads(run(awk, "report", "--json").decode())
    if rows is None:
        return
    for name in ("conflicts", "listeners", "timewait", "ports"):
        names = TABLES[name].split()
        if len(got[name]) != len(rows[name]):
            raise Wrong("%d of %d rows of %s" % (len(got[name]), len(rows[name]), name))
        for object_, (line, cells) in zip(got[name], rows[name]):
            expected = dict(zip(names, [None if shown == "-" else meaning for shown, meaning in
                                        zip(line.decode().split("\t"), cells)]))
            if object_ != expected:
                raise Wrong("%r became %r" % (line, object_))


METRIC = re.compile(r'(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+="[^"\\\n]*"(,[a-z]+="[^"\\\n]*")*\})? -?[0-9.]+)')


def check_metrics(awk, rows):
    for line in run(awk, "metrics").decode().splitlines():
        if rows is not None and not METRIC.fullmatch(line) and not line.endswith(" "):
            raise Wrong("not Prometheus' format: %r" % line)


def check_answer(awk, line, faithful):
    front = b"tcp 0.0.0.0:18081\n"
    put("/proc/tcpwatch_why", front + line + b"\n")
    run(awk, "why", "18081", ends=(0, 1, 2))
    run(awk, "wait", "18081", "--timeout", "0", ends=(0, 1, 2))


def one(name, check, *args):
    global failed, tests
    tests += 1
    try:
        check(*args)
        return
    except Wrong as wrong:
        reason = str(wrong)
    except ValueError as wrong:
        reason = "not JSON: %s" % wrong
    failed += 1
    print("# %s: %s" % (name, reason[:1500]), flush=True)


def batch(awk, name, faithful, count):
    made = [event(seq) for seq in range(1, count + 1)]
    rows = {table: [row(table) for _ in range(max(20, min(200, count // 50)))] for table in TABLES}
    lines = [line for line, _ in made]
    tables = {table: [line for line, _ in rows[table]] for table in rows}
    if not faithful:
        lines = [broken(line) for line in lines]
        tables = {table: [broken(line) for line in tables[table]] for table in tables}
        made = rows = None
    lay(lines, tables, count + 1)
    one(name + " tail", check_tail, awk, made)
    one(name + " run", check_run, awk, made)
    one(name + " report", check_report, awk, rows)
    one(name + " metrics", check_metrics, awk, rows)
    for words in ("ports",), ("ports", "-c"), ("top", "-1"):
        one(name + " " + words[0], run, awk, *words)
    # an answer has what a refusal has, and is one a process
    refusals = [line for line in lines if b"event=conflict" in line]
    for line in any_of.choices(refusals, k=max(2, count // 200)):
        at = line.find(b"call=")
        line = b"event=why verdict=" + any_of.choice([b"refused ", b"invalid reason="]) + line[max(at, 0):]
        one(name + " why and wait", check_answer, awk, line, faithful)


def awks():
    """Folders with an awk each: who has which is a matter of taste."""
    found = []
    for name in ("mawk", "gawk", "original-awk", "busybox"):
        path = shutil.which(name)
        if path:
            folder = os.path.join(work, name)
            os.mkdir(folder)
            os.symlink(path, folder + "/awk")
            found.append((name, folder))
    return found


def inside():
    """A mount namespace is ours already."""
    for command in ("mount --make-rprivate /", "mkdir WORK/proc", "mount -t proc proc WORK/proc",
                    "mount -t tmpfs none /proc", "ln -s WORK/proc/self WORK/proc/thread-self /proc",
                    "ln -s WORK/proc/self/mounts /proc/mounts", "mount -t tmpfs none /sys/kernel/debug",
                    "mkdir " + TREE):
        subprocess.run(command.replace("WORK", work), shell=True, check=True)
    left, turn, start, found = INPUTS, 0, time.time(), awks()
    # each awk has its turn at either kind
    most = max(1, min(10000, INPUTS // len(found) // 2))
    while left > 0:
        count = min(left, most)
        name, folder = found[turn // 2 % len(found)]
        faithful = turn % 2 == 0
        batch(folder, "%s, %s lines:" % (name, "escaped" if faithful else "broken"), faithful, count)
        left -= count
        turn += 1
    seconds = time.time() - start
    print("# %d lines of seed %d, %d checks, %s: %d failed, %.0f lines a second" % (
        INPUTS, SEED, tests, " ".join(name for name, _ in found), failed, INPUTS / seconds))
    sys.exit(failed > 0)


tests = failed = 0
TCPWATCH = os.path.join(HERE, "tcpwatch")
if not os.path.exists(TCPWATCH):
    TCPWATCH = os.path.join(HERE, "../scripts/tcpwatch")
if work:
    inside()
print("TAP version 13\n1..1")
if os.getuid() or not os.path.exists(TCPWATCH):
    print("ok 1 # SKIP needs root and tcpwatch")
    sys.exit(SKIP)
with tempfile.TemporaryDirectory() as folder:
    rc = subprocess.run(["unshare", "-m", sys.executable, __file__],
                        env=dict(os.environ, HOSTILE_WORK=folder)).returncode
print("%sok 1 hostile lines" % ("not " if rc else ""))
sys.exit(rc)
