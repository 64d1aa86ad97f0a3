/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The events for perf, trace-cmd and bpftrace: `tcpwatch:*`. An address is that of IPv6, an
 * IPv4 one as v4-mapped; words are those of /proc/tcpwatch_events. No name of a process is
 * in them, since it would be printed as it is; tracers know it by the pid.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM tcpwatch

#if !defined(_TCPWATCH_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TCPWATCH_TRACE_H

#include <linux/tracepoint.h>
#include <linux/uidgid.h>

#include "event.h"
#include "format.h"

#ifndef TCPWATCH_END
/* Longer than any word. */
#define WORD_LEN	24

#define TCPWATCH_END(end) \
	__array(__u8, end##_addr, sizeof(struct in6_addr)) \
	__field(__u16, end##_port)

#define TCPWATCH_SET_LOCAL(end, sock) do { \
	memcpy(__entry->end##_addr, &(sock)->bind.addr, sizeof(struct in6_addr)); \
	__entry->end##_port = (sock)->port; \
} while (0)

#define TCPWATCH_SET_PEER(end, sock) do { \
	memcpy(__entry->end##_addr, &(sock)->peer, sizeof(struct in6_addr)); \
	__entry->end##_port = (sock)->peer_port; \
} while (0)
#endif

/* A call was refused, in the process that made it. */
TRACE_EVENT(conflict,
	    TP_PROTO(const struct tcpwatch_facts *facts, const struct tcpwatch_sock *holder),
	    TP_ARGS(facts, holder),
	    TP_STRUCT__entry(__field(__u32, netns)
			     __field(int, pid)
			     __array(char, call, WORD_LEN)
			     __array(char, rule, WORD_LEN)
			     __field(int, error)
			     TCPWATCH_END(want)
			     TCPWATCH_END(to)
			     __field(__u32, holders)
			     TCPWATCH_END(holder)
			     TCPWATCH_END(peer)
			     __array(char, state, WORD_LEN)
			     __field(__u32, holder_uid)
			     __field(__u32, frees_ms)),
	    TP_fast_assign(__entry->netns = facts->netns;
			   __entry->pid = facts->task.pid;
			   strscpy_pad(__entry->call, tcpwatch_call_names[facts->call], WORD_LEN);
			   strscpy_pad(__entry->rule, tcpwatch_rule_names[facts->rule], WORD_LEN);
			   __entry->error = facts->error;
			   TCPWATCH_SET_LOCAL(want, &facts->want);
			   TCPWATCH_SET_PEER(to, &facts->want);
			   __entry->holders = facts->holders;
			   TCPWATCH_SET_LOCAL(holder, holder);
			   TCPWATCH_SET_PEER(peer, holder);
			   strscpy_pad(__entry->state, facts->holders ?
				       tcpwatch_format_state(holder) : "-", WORD_LEN);
			   __entry->holder_uid = from_kuid(&init_user_ns, holder->uid);
			   __entry->frees_ms = facts->frees_ms;),
	    TP_printk("call=%s want=[%pI6c]:%u to=[%pI6c]:%u rule=%s error=%d pid=%d holders=%u holder=[%pI6c]:%u peer=[%pI6c]:%u state=%s holder_uid=%u frees_ms=%u netns=%u",
		      __entry->call, __entry->want_addr, __entry->want_port,
		      __entry->to_addr, __entry->to_port, __entry->rule, __entry->error,
		      __entry->pid, __entry->holders, __entry->holder_addr, __entry->holder_port,
		      __entry->peer_addr, __entry->peer_port, __entry->state,
		      __entry->holder_uid, __entry->frees_ms, __entry->netns));

/* A TIME-WAIT socket gave way before its time: to a call of this process, or to a packet. */
TRACE_EVENT(tw_reuse,
	    TP_PROTO(const struct tcpwatch_facts *facts),
	    TP_ARGS(facts),
	    TP_STRUCT__entry(__field(__u32, netns)
			     __field(int, pid)
			     __array(char, cause, WORD_LEN)
			     __array(char, thanks, WORD_LEN)
			     TCPWATCH_END(holder)
			     TCPWATCH_END(peer)
			     __field(__u32, frees_ms)),
	    TP_fast_assign(__entry->netns = facts->netns;
			   __entry->pid = facts->task.pid;
			   strscpy_pad(__entry->cause,
				       tcpwatch_cause_names[facts->cause], WORD_LEN);
			   strscpy_pad(__entry->thanks,
				       tcpwatch_thanks_names[facts->thanks], WORD_LEN);
			   TCPWATCH_SET_LOCAL(holder, &facts->holder);
			   TCPWATCH_SET_PEER(peer, &facts->holder);
			   __entry->frees_ms = facts->frees_ms;),
	    TP_printk("cause=%s thanks=%s pid=%d holder=[%pI6c]:%u peer=[%pI6c]:%u frees_ms=%u netns=%u",
		      __entry->cause, __entry->thanks, __entry->pid, __entry->holder_addr,
		      __entry->holder_port, __entry->peer_addr, __entry->peer_port,
		      __entry->frees_ms, __entry->netns));

DECLARE_EVENT_CLASS(refused,
		    TP_PROTO(const struct tcpwatch_facts *facts),
		    TP_ARGS(facts),
		    TP_STRUCT__entry(__field(__u32, netns)
				     __field(int, pid)
				     __array(char, reason, WORD_LEN)
				     TCPWATCH_END(holder)
				     TCPWATCH_END(peer)
				     __field(__u32, aged_ms)),
		    TP_fast_assign(__entry->netns = facts->netns;
				   __entry->pid = facts->task.pid;
				   strscpy_pad(__entry->reason,
					       tcpwatch_reason_names[facts->reason], WORD_LEN);
				   TCPWATCH_SET_LOCAL(holder, &facts->holder);
				   TCPWATCH_SET_PEER(peer, &facts->holder);
				   __entry->aged_ms = facts->reason == TCPWATCH_REASON_TOO_YOUNG ?
						      facts->aged_ms : 0;),
		    TP_printk("reason=%s pid=%d holder=[%pI6c]:%u peer=[%pI6c]:%u aged_ms=%u netns=%u",
			      __entry->reason, __entry->pid, __entry->holder_addr,
			      __entry->holder_port, __entry->peer_addr, __entry->peer_port,
			      __entry->aged_ms, __entry->netns));

/* It did not, to a connect() of this process. */
DEFINE_EVENT(refused, tw_refusal, TP_PROTO(const struct tcpwatch_facts *facts), TP_ARGS(facts));

/* A connection was closed, and got none. */
DEFINE_EVENT(refused, tw_overflow, TP_PROTO(const struct tcpwatch_facts *facts), TP_ARGS(facts));

/* Most source ports to a destination are used: told by a worker. */
TRACE_EVENT(exhaustion,
	    TP_PROTO(const struct tcpwatch_facts *facts),
	    TP_ARGS(facts),
	    TP_STRUCT__entry(__field(__u32, netns)
			     TCPWATCH_END(want)
			     TCPWATCH_END(to)
			     __field(__u32, percent)
			     __field(__u32, pool_used)
			     __field(__u32, pool_free)),
	    TP_fast_assign(__entry->netns = facts->netns;
			   TCPWATCH_SET_LOCAL(want, &facts->want);
			   TCPWATCH_SET_PEER(to, &facts->want);
			   __entry->percent = facts->percent;
			   __entry->pool_used = facts->pool_used;
			   __entry->pool_free = facts->pool_free;),
	    TP_printk("want=[%pI6c]:%u to=[%pI6c]:%u percent=%u pool_used=%u pool_free=%u netns=%u",
		      __entry->want_addr, __entry->want_port, __entry->to_addr, __entry->to_port,
		      __entry->percent, __entry->pool_used, __entry->pool_free, __entry->netns));

/* A listener dropped some since the last such event: told by a worker. */
TRACE_EVENT(backlog_overflow,
	    TP_PROTO(const struct tcpwatch_facts *facts),
	    TP_ARGS(facts),
	    TP_STRUCT__entry(__field(__u32, netns)
			     TCPWATCH_END(holder)
			     __field(__u32, backlog)
			     __field(__u32, accept_now)
			     __field(__u32, accept_max)
			     __field(__u32, syn_now)
			     __field(__u32, syn_max)
			     __field(__u32, syn_accept_full)
			     __field(__u32, ack_accept_full)
			     __field(__u32, syn_cookie)
			     __field(__u32, syn_drop)
			     __field(__u32, syn_reserve)
			     __field(__u32, syn_no_memory)
			     __field(__u32, other_drops)),
	    TP_fast_assign(__entry->netns = facts->netns;
			   TCPWATCH_SET_LOCAL(holder, &facts->holder);
			   __entry->backlog = facts->backlog;
			   __entry->accept_now = facts->accept_now;
			   __entry->accept_max = facts->accept_max;
			   __entry->syn_now = facts->syn_now;
			   __entry->syn_max = facts->syn_max;
			   __entry->syn_accept_full = facts->knocks[TCPWATCH_KNOCK_SYN_ACCEPT_FULL];
			   __entry->ack_accept_full = facts->knocks[TCPWATCH_KNOCK_ACK_ACCEPT_FULL];
			   __entry->syn_cookie = facts->knocks[TCPWATCH_KNOCK_SYN_COOKIE];
			   __entry->syn_drop = facts->knocks[TCPWATCH_KNOCK_SYN_DROP];
			   __entry->syn_reserve = facts->knocks[TCPWATCH_KNOCK_SYN_RESERVE];
			   __entry->syn_no_memory = facts->knocks[TCPWATCH_KNOCK_SYN_NO_MEMORY];
			   __entry->other_drops = facts->knocks[TCPWATCH_KNOCK_OTHER];),
	    TP_printk("holder=[%pI6c]:%u backlog=%u accept_now=%u accept_max=%u syn_now=%u syn_max=%u syn_accept_full=%u ack_accept_full=%u syn_cookie=%u syn_drop=%u syn_reserve=%u syn_no_memory=%u other_drops=%u netns=%u",
		      __entry->holder_addr, __entry->holder_port, __entry->backlog,
		      __entry->accept_now, __entry->accept_max, __entry->syn_now,
		      __entry->syn_max, __entry->syn_accept_full, __entry->ack_accept_full,
		      __entry->syn_cookie, __entry->syn_drop, __entry->syn_reserve,
		      __entry->syn_no_memory, __entry->other_drops, __entry->netns));

/* Nobody accepts what waits at a listener: told by a worker. */
TRACE_EVENT(stuck,
	    TP_PROTO(const struct tcpwatch_facts *facts),
	    TP_ARGS(facts),
	    TP_STRUCT__entry(__field(__u32, netns)
			     TCPWATCH_END(holder)
			     __field(__u32, accept_now)
			     __field(__u32, stuck_ms)),
	    TP_fast_assign(__entry->netns = facts->netns;
			   TCPWATCH_SET_LOCAL(holder, &facts->holder);
			   __entry->accept_now = facts->accept_now;
			   __entry->stuck_ms = facts->stuck_ms;),
	    TP_printk("holder=[%pI6c]:%u accept_now=%u stuck_ms=%u netns=%u",
		      __entry->holder_addr, __entry->holder_port, __entry->accept_now,
		      __entry->stuck_ms, __entry->netns));

#endif /* _TCPWATCH_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
