// SPDX-License-Identifier: GPL-2.0
/* The names of the vocabulary, from the same lists as its enumerations. */

#include "event.h"

#define TCPWATCH_ADVICE(group, item, name, advice)	\
	[TCPWATCH_##group##_##item] = advice,

const char *const tcpwatch_rule_names[] = { TCPWATCH_RULES(TCPWATCH_NAME) };
const char *const tcpwatch_rule_advice[] = { TCPWATCH_RULES(TCPWATCH_ADVICE) };
const char *const tcpwatch_call_names[] = { TCPWATCH_CALLS(TCPWATCH_NAME) };
const char *const tcpwatch_fix_texts[] = { TCPWATCH_FIXES(TCPWATCH_NAME) };
const char *const tcpwatch_relation_names[] = { TCPWATCH_RELATIONS(TCPWATCH_NAME) };
const char *const tcpwatch_belongs_names[] = { TCPWATCH_BELONGINGS(TCPWATCH_NAME) };
