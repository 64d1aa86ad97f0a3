// SPDX-License-Identifier: GPL-2.0
#include <linux/kernel.h>
#include <linux/printk.h>
#include <linux/proc_fs.h>
#include <linux/seq_buf.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "alert.h"
#include "control.h"
#include "exhaust.h"
#include "format.h"
#include "number.h"
#include "overload.h"
#include "portset.h"
#include "reader.h"
#include "ring.h"

/* What one write may hold. */
#define CONTROL_LEN	256

/* The words of a line that is too long are not looked at. */
#define WORDS	16

/**
 * struct knob - one word of the control file
 * @name: the word, or what stands before its `=`
 * @takes: what it takes, for the person who got it wrong; NULL: no value
 * @set: check @value and, if @apply, set it; 0 or -EINVAL
 * @show: print the value in force; NULL: there is none
 */
struct knob {
	const char *name;
	const char *takes;
	int (*set)(const char *value, bool apply);
	void (*show)(struct seq_file *m);
};

static int set_alert(const char *value, bool apply)
{
	bool on = !strcmp(value, "on");

	if (!on && strcmp(value, "off"))
		return -EINVAL;
	if (apply)
		tcpwatch_alert_set(on);
	return 0;
}

static void show_alert(struct seq_file *m)
{
	seq_puts(m, tcpwatch_alert_is_on() ? "on" : "off");
}

static int set_alert_rate(const char *value, bool apply)
{
	unsigned int rate;

	if (!tcpwatch_number_parse(value, &rate) || rate < 1 || rate > TCPWATCH_ALERT_RATE_MAX)
		return -EINVAL;
	return apply ? tcpwatch_alert_set_rate(rate) : 0;
}

static void show_alert_rate(struct seq_file *m)
{
	seq_printf(m, "%u", tcpwatch_alert_rate());
}

static int set_exhaustion(const char *value, bool apply)
{
	unsigned int percent;

	if (!tcpwatch_number_parse(value, &percent) || percent > 100)
		return -EINVAL;
	return apply ? tcpwatch_exhaust_set(percent) : 0;
}

static void show_exhaustion(struct seq_file *m)
{
	seq_printf(m, "%u", tcpwatch_exhaust_percent());
}

static int set_stuck(const char *value, bool apply)
{
	unsigned int seconds;

	if (!tcpwatch_number_parse(value, &seconds) || seconds > TCPWATCH_STUCK_MAX)
		return -EINVAL;
	return apply ? tcpwatch_overload_set(seconds) : 0;
}

static void show_stuck(struct seq_file *m)
{
	seq_printf(m, "%u", tcpwatch_overload_seconds());
}

static int set_ports(const char *value, bool apply)
{
	struct tcpwatch_portset set;

	if (tcpwatch_portset_parse(&set, value))
		return -EINVAL;
	if (apply)
		tcpwatch_portset_set_default(&set);
	return 0;
}

static void show_ports(struct seq_file *m)
{
	struct tcpwatch_portset set = tcpwatch_portset_default();

	tcpwatch_portset_show(m, &set);
}

static int set_clear(const char *value, bool apply)
{
	if (apply)
		tcpwatch_ring_clear();
	return 0;
}

static const struct knob knobs[] = {
	{ "alert", "on or off", set_alert, show_alert },
	{ "alert_rate", "lines a second, 1 to 1000", set_alert_rate, show_alert_rate },
	{ "exhaustion", "percent, 1 to 100, or 0 for never", set_exhaustion, show_exhaustion },
	{ "stuck", "seconds, 1 to 3600, or 0 for never", set_stuck, show_stuck },
	{ "ports", TCPWATCH_PORTSET_TAKES, set_ports, show_ports },
	{ "clear", NULL, set_clear, NULL },
};

static const struct knob *find_knob(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(knobs); i++) {
		if (!strcmp(knobs[i].name, name))
			return &knobs[i];
	}
	return NULL;
}

static int refuse(const char *word, const char *why)
{
	char text[64];
	struct seq_buf buf;

	seq_buf_init(&buf, text, sizeof(text) - 1);
	tcpwatch_format_text(&buf, word);
	text[min(buf.len, sizeof(text) - 1)] = '\0';
	pr_warn_ratelimited("control: %s: %s\n", text, why);
	return -EINVAL;
}

static int obey(char *word, bool apply)
{
	char *value = strchr(word, '=');
	const struct knob *knob;
	int err;

	if (value)
		*value++ = '\0';
	knob = find_knob(word);
	if (!knob)
		return refuse(word, "no such word; reading the file lists them");
	if (!knob->takes != !value)
		return refuse(word, knob->takes ?: "takes no value");
	err = knob->set(value ?: "", apply);
	if (err)
		return refuse(word, knob->takes);
	/* the second pass reads the word again */
	if (value)
		value[-1] = '=';
	return 0;
}

static int obey_all(char *line)
{
	char *words[WORDS], *word;
	unsigned int count = 0, i;
	int err;

	while ((word = strsep(&line, " \t\n"))) {
		if (!*word)
			continue;
		if (count == WORDS)
			return refuse(word, "too many words");
		words[count++] = word;
	}
	if (!count)
		return refuse("", "empty");
	for (i = 0; i < count; i++) {
		err = obey(words[i], false);
		if (err)
			return err;
	}
	for (i = 0; i < count; i++)
		obey(words[i], true);
	return 0;
}

static int tcpwatch_control_show(struct seq_file *m, void *v)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(knobs); i++) {
		seq_puts(m, knobs[i].name);
		if (knobs[i].show) {
			seq_putc(m, '=');
			knobs[i].show(m);
		}
		seq_putc(m, '\n');
	}
	return 0;
}

static int tcpwatch_control_open(struct inode *inode, struct file *file)
{
	if (!tcpwatch_reader_is_admin(file))
		return -EPERM;
	return single_open(file, tcpwatch_control_show, NULL);
}

static ssize_t tcpwatch_control_write(struct file *file, const char __user *from, size_t size,
				      loff_t *pos)
{
	char *line;
	int err;

	if (size > CONTROL_LEN) {
		pr_warn_ratelimited("control: more than %u bytes in one write\n", CONTROL_LEN);
		return -EINVAL;
	}
	line = memdup_user_nul(from, size);
	if (IS_ERR(line))
		return PTR_ERR(line);
	/* a NUL would hide what follows it */
	err = strlen(line) == size ? obey_all(line) : -EINVAL;
	kfree(line);
	return err ?: size;
}

static const struct proc_ops control_proc_ops = {
	.proc_open = tcpwatch_control_open,
	.proc_read = seq_read,
	.proc_write = tcpwatch_control_write,
	.proc_lseek = seq_lseek,
	.proc_release = single_release,
};

int tcpwatch_control_init(void)
{
	return proc_create(TCPWATCH_CONTROL, 0600, NULL, &control_proc_ops) ? 0 : -ENOMEM;
}

void tcpwatch_control_exit(void)
{
	remove_proc_entry(TCPWATCH_CONTROL, NULL);
}
