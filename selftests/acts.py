# SPDX-License-Identifier: GPL-2.0
"""An event of every kind: what the tests of tracers and of addresses look at.

In a network namespace of its own, where nobody else is refused anything. Prints the
process's id and the namespace's. `stuck` is to be 2 seconds.
"""
import os, socket, sys, time
def listener(port, backlog=8):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(('127.0.0.1', port))
    s.listen(backlog)
    return s
def connected(s):
    c = socket.create_connection(s.getsockname())
    return c, s.accept()[0]
def knob(name, value):
    open('/proc/sys/net/ipv4/' + name, 'w').write(value)
def refused(port):
    t = socket.socket()
    try:
        t.bind(('127.0.0.1', port))
    except OSError:
        pass
def stat(name):
    for line in open('/sys/kernel/debug/tcpwatch/stats'):
        if line.split()[0] == name:
            return int(line.split()[1])
def risen(name, before):
    """A worker counts it, and makes its event a moment later."""
    for i in range(600):
        if stat(name) > before:
            break
        time.sleep(0.1)
    time.sleep(0.5)
print(os.getpid())
print(os.readlink('/proc/self/ns/net')[5:-1])
# conflict
s = listener(18200)
refused(18200)
t = listener(18201)
refused(18201)
# tw_reuse: bind over it
c, a = connected(s)
a.close()
c.close()
s.close()
s = listener(18200)
# tw_refusal, and a conflict: the only source port there is, too young
knob('tcp_tw_reuse', '1')
knob('ip_local_port_range', '18202 18202')
# some kernels go by whole seconds, of which none is to begin meanwhile
passed = time.monotonic() % 1
if passed > 0.3:
    time.sleep(1.01 - passed)
c, a = connected(s)
for i in range(30):
    c.close()
    a.close()
    c = socket.socket()
    try:
        c.connect(('127.0.0.1', 18200))
    except OSError:
        break
    # so slow that it was old enough
    a = s.accept()[0]
knob('ip_local_port_range', '32768 60999')
# tw_overflow
knob('tcp_max_tw_buckets', '0')
c, a = connected(s)
c.close()
a.close()
knob('tcp_max_tw_buckets', '4096')
# exhaustion
knob('ip_local_port_range', '18210 18219')
u = listener(18204)
before = stat('exhaustions')
many = [connected(u) for i in range(9)]
risen('exhaustions', before)
knob('ip_local_port_range', '32768 60999')
# backlog_overflow, stuck
t = listener(18203, 1)
before = stat('listeners_stuck')
waiting = []
for i in range(6):
    c = socket.socket()
    c.setblocking(False)
    c.connect_ex(('127.0.0.1', 18203))
    waiting.append(c)
risen('listeners_stuck', before)
