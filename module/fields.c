// SPDX-License-Identifier: GPL-2.0
#include <linux/kernel.h>

#include "fields.h"
#include "value.h"

static const char *const keys[] = { TCPWATCH_FIELDS(TCPWATCH_NAME) };

/* What an event does not have: only a call was refused, and a packet has no process. */
static bool lacks(const struct tcpwatch_event *event, enum tcpwatch_field field)
{
	const struct tcpwatch_facts *facts = &event->facts;

	if (facts->kind == TCPWATCH_KIND_CONFLICT)
		return false;
	if (field >= TCPWATCH_FIELD_PID && field <= TCPWATCH_FIELD_CGROUP)
		return facts->call == TCPWATCH_CALL_NONE;
	/* nobody wants a port; of an exhaustion it is the source address that is told */
	if (field >= TCPWATCH_FIELD_WANT && field < TCPWATCH_FIELD_PID)
		return facts->call == TCPWATCH_CALL_NONE &&
		       (facts->kind != TCPWATCH_KIND_EXHAUSTION || field != TCPWATCH_FIELD_WANT);
	if (field == TCPWATCH_FIELD_HOLDERS)
		return !facts->holders;
	return field == TCPWATCH_FIELD_RULE || field == TCPWATCH_FIELD_FIX ||
	       field == TCPWATCH_FIELD_RELATION;
}

static bool put(struct seq_buf *buf, const struct tcpwatch_event *event,
		const struct tcpwatch_reader *reader, enum tcpwatch_field field)
{
	return !lacks(event, field) && tcpwatch_value_put(buf, event, reader, field);
}

void tcpwatch_fields_line(struct seq_buf *buf, const struct tcpwatch_event *event,
			  const struct tcpwatch_reader *reader)
{
	enum tcpwatch_field field;
	size_t start;

	for (field = 0; field < TCPWATCH_FIELD_COUNT; field++) {
		start = buf->len;
		seq_buf_printf(buf, "%s%s=", field ? " " : "", keys[field]);
		if (!put(buf, event, reader, field))
			buf->len = start;
	}
	seq_buf_printf(buf, "\n");
}

/* Nobody made the call, so who did is not told; and of one that would succeed no more. */
static bool belongs_in_answer(const struct tcpwatch_event *event, enum tcpwatch_field field)
{
	if (field >= TCPWATCH_FIELD_PID && field <= TCPWATCH_FIELD_CGROUP)
		return field == TCPWATCH_FIELD_UID;
	if (event->facts.error || field == TCPWATCH_FIELD_TO)
		return true;
	return field < TCPWATCH_FIELD_PID && field != TCPWATCH_FIELD_ERRNO;
}

void tcpwatch_fields_answer(struct seq_buf *buf, const struct tcpwatch_event *event,
			    const struct tcpwatch_reader *reader)
{
	enum tcpwatch_field field;
	size_t start;

	seq_buf_printf(buf, "event=why verdict=%s", event->facts.error ? "refused" : "free");
	for (field = TCPWATCH_FIELD_CALL; field < TCPWATCH_FIELD_COUNT; field++) {
		if (!belongs_in_answer(event, field))
			continue;
		start = buf->len;
		seq_buf_printf(buf, " %s=", keys[field]);
		if (!put(buf, event, reader, field))
			buf->len = start;
	}
	seq_buf_printf(buf, "\n");
}

void tcpwatch_fields_row(struct seq_buf *buf, const struct tcpwatch_event *event,
			 const struct tcpwatch_reader *reader)
{
	enum tcpwatch_field field;

	for (field = 0; field < TCPWATCH_FIELD_COUNT; field++) {
		if (field)
			seq_buf_printf(buf, "\t");
		if (!event)
			seq_buf_printf(buf, "%s", keys[field]);
		else if (!put(buf, event, reader, field))
			seq_buf_printf(buf, "-");
	}
	seq_buf_printf(buf, "\n");
}
