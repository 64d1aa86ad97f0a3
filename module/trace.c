// SPDX-License-Identifier: GPL-2.0
#include "record.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

/* The holder of a port that nobody holds. */
static const struct tcpwatch_sock nobody = { .uid = INVALID_UID };

void tcpwatch_record_trace(const struct tcpwatch_facts *facts)
{
	switch (facts->kind) {
	case TCPWATCH_KIND_CONFLICT:
		trace_conflict(facts, facts->holders ? &facts->holder : &nobody);
		break;
	case TCPWATCH_KIND_REUSE:
		trace_tw_reuse(facts);
		break;
	case TCPWATCH_KIND_REFUSAL:
		trace_tw_refusal(facts);
		break;
	case TCPWATCH_KIND_OVERFLOW:
		trace_tw_overflow(facts);
		break;
	case TCPWATCH_KIND_EXHAUSTION:
		trace_exhaustion(facts);
		break;
	case TCPWATCH_KIND_BACKLOG:
		trace_backlog_overflow(facts);
		break;
	case TCPWATCH_KIND_STUCK:
		trace_stuck(facts);
		break;
	}
}
