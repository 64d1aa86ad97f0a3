/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Are we blind? kprobes/enabled of debugfs disarms all probes of the kernel, and nobody is told.
 * So functions of our own that do nothing are probed, called several
 * times a second, and must be felt.
 */
#ifndef _TCPWATCH_PULSE_H
#define _TCPWATCH_PULSE_H

#include <linux/bits.h>
#include <linux/types.h>

#include "hooks.h"

/* How a function can be probed: by a probe, or by ftrace alone. */
enum tcpwatch_pulse_kind {
	TCPWATCH_PULSE_PROBE,
	TCPWATCH_PULSE_TRACE,
	TCPWATCH_PULSE_COUNT
};

/* What people are told when one is not felt. */
#define TCPWATCH_PULSE_TEXT_PROBE \
	"probes are disarmed (kprobes/enabled of debugfs): what binds, listens and connects is not seen"
#define TCPWATCH_PULSE_TEXT_TRACE \
	"ftrace is off: listeners and TIME-WAIT are not seen"

/**
 * struct tcpwatch_pulse - what was felt
 * @numb: a bit for each kind of probe that is armed, and is not felt
 * @ms: for how long, if there is one
 */
struct tcpwatch_pulse {
	unsigned long numb;
	u64 ms;
};

/**
 * tcpwatch_pulse_take() - feel it now
 * @pulse: the result
 *
 * Context: process, may sleep.
 */
void tcpwatch_pulse_take(struct tcpwatch_pulse *pulse);

/**
 * tcpwatch_pulse_feels() - is a row's function seen when it is entered?
 * @pulse: what was felt
 * @hook: the row
 *
 * Context: any.
 * Return: false if it is not planted, or is disarmed.
 */
static inline bool tcpwatch_pulse_feels(const struct tcpwatch_pulse *pulse,
					const struct tcpwatch_hook *hook)
{
	return hook->armed &&
	       !(pulse->numb & BIT(hook->trace ? TCPWATCH_PULSE_TRACE : TCPWATCH_PULSE_PROBE));
}

/**
 * tcpwatch_pulse_missed() - have probes ever been disarmed since the module came?
 *
 * Context: any.
 */
bool tcpwatch_pulse_missed(void);

/**
 * tcpwatch_pulse_init() - feel the pulse from now on
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int tcpwatch_pulse_init(void);

/**
 * tcpwatch_pulse_exit() - stop
 *
 * Context: process, sleeps.
 */
void tcpwatch_pulse_exit(void);

#endif /* _TCPWATCH_PULSE_H */
