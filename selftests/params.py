#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
The module's parameters with what they take, what they do not, and noise: either it loads
and shows what was asked for, or it does not, leaves nothing, and the kernel log says why.

FUZZ_LOADS is how many loads there are (default 16), FUZZ_SEED where they begin.
"""
import os, random, re, subprocess, sys

MODULE = os.environ.get("TCPWATCH_KO", "/vm/tcpwatch.ko")
SHOWN = "/sys/module/tcpwatch/parameters/"
LOADS = int(os.environ.get("FUZZ_LOADS", "16"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
SKIP = 4
any_of = random.Random(SEED)

# least, most that the machine has memory for, and what is too much
NUMBERS = {"alert_rate": (1, 1000, 1001), "events": (16, 8192, (1 << 20) + 1), "exhaustion": (0, 100, 101),
           "listeners": (16, 8192, 65537), "stuck": (0, 3600, 3601)}
DEFAULTS = {"alert": "Y", "alert_rate": "5", "events": "4096", "exhaustion": "90", "listeners": "1024",
            "stuck": "5", "waits": "Y", "without": "(null)"}
# what costs no more than a feature
OPTIONAL = ["inet_csk_bind_conflict", "no_such_function", "", "tcp_", "%s%n", "\x1b[2J", "\xff"]
NOISE = ["", "-1", "+", "0x", "nonsense", "4294967296", "99999999999999999999", "5x", "1.5", "\x1b[2J", "\xff",
         "%s%n", "$(reboot)", "1,2", "'", "="]


def good(name):
    """A value, and what is shown of it."""
    if name in ("alert", "waits"):
        on = any_of.random() < 0.5
        return any_of.choice(["Y", "y", "1", "on"] if on else ["N", "n", "0", "off"]), "Y" if on else "N"
    if name == "without":
        text = ",".join(any_of.choice(OPTIONAL) for _ in range(any_of.randrange(1, 20)))
        return text, text
    value = any_of.choice([NUMBERS[name][0], NUMBERS[name][1], any_of.randint(*NUMBERS[name][:2])])
    # as all of the kernel's
    text = any_of.choice(["%d", "%d", "0x%x", "0%o"]) % value
    return text, str(1 << (value - 1).bit_length() if name == "events" else value)


def bad(name):
    if name == "without":
        return any_of.choice(["__inet_bind", "no_such_function,__inet_bind", ",__inet_bind,", "x" * 1025])
    if name in ("alert", "waits"):
        return any_of.choice(["2", "x", "-1", "\xff", "%s"])
    least, _, most = NUMBERS[name]
    return any_of.choice([str(most), str(least - 1), "-1"] + [text for text in NOISE if text != "1.5"])


def log():
    return subprocess.run(["dmesg"], capture_output=True).stdout.decode("latin-1")


class Wrong(Exception):
    pass


def load(values):
    """Does it load?"""
    # insmod asks for bytes
    words = [("%s=%s" % pair).encode("latin-1") for pair in values]
    return subprocess.run([b"insmod", MODULE.encode(), *words], capture_output=True).returncode == 0


def there():
    return os.path.exists("/proc/tcpwatch") or any(line.startswith("tcpwatch ") for line in open("/proc/modules"))


def check_shown(expected):
    for name in DEFAULTS:
        with open(SHOWN + name, encoding="latin-1") as file:
            shown = file.read()[:-1]
        if shown != expected[name]:
            raise Wrong("%s is %r, not %r" % (name, shown, expected[name]))
        if os.stat(SHOWN + name).st_mode & 0o777 != 0o444:
            raise Wrong("%s can be written" % name)
    if sorted(os.listdir(SHOWN)) != sorted(DEFAULTS):
        raise Wrong("other parameters: %s" % os.listdir(SHOWN))
    control = dict(line.strip().split("=") for line in open("/proc/tcpwatch_control") if "=" in line)
    for name in "alert_rate", "exhaustion", "stuck":
        if control[name] != expected[name]:
            raise Wrong("%s in control is %r" % (name, control[name]))


def one():
    """A load; True if it was taken."""
    names = any_of.sample(sorted(DEFAULTS), any_of.randrange(1, 5))
    values, expected = [], dict(DEFAULTS)
    for name in names:
        text, shown = good(name)
        values.append((name, text))
        expected[name] = shown
    wrong = any_of.random() < 0.5
    if wrong:
        name = any_of.choice(names)
        values[names.index(name)] = (name, bad(name))
    elif any_of.random() < 0.3:
        # the kernel passes over what it does not know
        values.append(("no_such_parameter", any_of.choice(NOISE)))
    mark = "params mark %d" % any_of.randrange(1 << 60)
    with open("/dev/kmsg", "w") as file:
        file.write(mark)
    loaded = load(values)
    if loaded == wrong:
        raise Wrong("%r: %s" % (values, "loaded" if loaded else "did not load:\n" + log()[-500:]))
    if loaded:
        try:
            check_shown(expected)
        except Wrong as reason:
            raise Wrong("%r: %s" % (values, reason))
        subprocess.run(["rmmod", "tcpwatch"], check=True)
    # what is too long the kernel tells by the parameter's name alone
    elif not re.search(r"(tcpwatch|%s): .*(%s|without it|invalid for|too long|too large)" % (name, name),
                       log().split(mark)[-1]):
        raise Wrong("%r: no reason:\n%s" % (values, log().split(mark)[-1][-500:]))
    if there():
        raise Wrong("%r: something is left" % values)
    return loaded


print("TAP version 13\n1..1")
if os.getuid() or not os.path.exists("/vm/env"):
    print("ok 1 # SKIP only in a guest of selftests/vm")
    sys.exit(SKIP)
if there():
    subprocess.run(["rmmod", "tcpwatch"], check=True)
taken = failed = 0
for _ in range(LOADS):
    try:
        taken += one()
    except Wrong as wrong:
        failed += 1
        print("# %s" % wrong)
        if there():
            subprocess.run(["rmmod", "tcpwatch"], check=True)
load([])
print("# %d loads of seed %d: %d taken, %d refused, %d failed" % (LOADS, SEED, taken, LOADS - taken - failed,
                                                                   failed))
failed += not taken or taken == LOADS
print("%sok 1 parameters" % ("not " if failed else ""))
sys.exit(failed > 0)
