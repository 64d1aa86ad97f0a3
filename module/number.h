/* SPDX-License-Identifier: GPL-2.0 */
/* Numbers that people write. */
#ifndef _TCPWATCH_NUMBER_H
#define _TCPWATCH_NUMBER_H

#include <linux/kstrtox.h>
#include <linux/string.h>

/**
 * tcpwatch_number_parse() - read a number of decimal digits and nothing else
 * @text: the text; kstrtou32() would take a sign and a newline as well
 * @value: the number
 *
 * Context: any.
 * Return: false when @text is not one, or is too large.
 */
static inline bool tcpwatch_number_parse(const char *text, u32 *value)
{
	return !text[strspn(text, "0123456789")] && !kstrtou32(text, 10, value);
}

#endif /* _TCPWATCH_NUMBER_H */
