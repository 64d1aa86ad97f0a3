# SPDX-License-Identifier: GPL-2.0
# For people: `make help`. What the kernel's build reads is in Kbuild.

KDIR ?= /lib/modules/$(shell uname -r)/build
V ?= 0
export V
Q := $(if $(filter 0,$(V)),@)

PREFIX ?= /usr/local
INSTALL_MOD_PATH ?= $(DESTDIR)
# not what `make kernelrelease` says, which Debian's headers of 6.1 get wrong; and without
# System.map, which they lack, the kernel's modules_install leaves depmod out
RELEASE = $(or $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' \
	$(KDIR)/include/generated/utsrelease.h),$(error $(KDIR) does not tell its release))
UPDATES = $(INSTALL_MOD_PATH)/lib/modules/$(RELEASE)/updates
# a shell of plain `su` lacks these
SBIN := PATH=$$PATH:/usr/sbin:/sbin
INDEX = $(SBIN) depmod $(if $(INSTALL_MOD_PATH),-b $(INSTALL_MOD_PATH)) $(RELEASE)
BIN := $(DESTDIR)$(PREFIX)/bin
VERBS := $(DESTDIR)$(PREFIX)/libexec/tcpwatch
SHARE := $(DESTDIR)$(PREFIX)/share
MAN := $(SHARE)/man
EXAMPLES := $(SHARE)/doc/tcpwatch/examples
BASH := $(SHARE)/bash-completion/completions
ZSH := $(SHARE)/zsh/site-functions
FISH := $(SHARE)/fish/vendor_completions.d

.DEFAULT_GOAL := module
.PHONY: module help demo test test-long bench mutants deb packages check load unload install \
	install-tools uninstall clean

module:		## build tcpwatch.ko for KDIR (default: the running kernel)
	$(Q)$(MAKE) $(if $(filter 0,$(V)),-s --no-print-directory) -C $(KDIR) \
		M=$(CURDIR) $(if $(W),W=$(W)) $(if $(C),C=$(C)) modules

help:		## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 18
	@echo 'V=1 shows the commands; K=6.12 T=name narrows make test and bench.'

demo:		## show the main job, in a throw-away VM
	$(Q)selftests/vm/run -k $(or $(K),6.12) --icount --copy scripts -- scripts/tcpwatch demo

test:		## run the tests on 6.1, 6.12 and sid, or on K; T names one test
	$(Q)selftests/vm/test $(foreach k,$(K),-k $(k)) $(foreach t,$(T),-t $(t))

test-long:	## what takes hours: more kernels, soak, faults, fuzzing; T names items
	$(Q)selftests/vm/long $(T)

mutants:	## break the rule book and see the differential test turn red
	$(Q)selftests/vm/mutants $(foreach k,$(K),-k $(k))

bench:		## instructions with and without the module, on 6.12 or K; T names groups
	$(Q)selftests/vm/bench $(foreach k,$(K),-k $(k)) $(T)

deb:		## build the Debian packages: build/deb
	$(Q)selftests/vm/deb

packages:	## install and purge them on Debian 12, 13 and sid
	$(Q)selftests/vm/packages

check:		## checkpatch --strict, sparse, W=1 and shellcheck
	$(Q)selftests/vm/check

load: module	## load the module that was built here
	$(Q)$(SBIN) insmod tcpwatch.ko

unload:		## unload it
	$(Q)$(SBIN) rmmod tcpwatch

install: module	## install the module for KDIR's kernel, the verbs, manual, completion
	$(Q)$(MAKE) $(if $(filter 0,$(V)),-s --no-print-directory) -C $(KDIR) \
		M=$(CURDIR) INSTALL_MOD_PATH=$(INSTALL_MOD_PATH) INSTALL_MOD_DIR=updates modules_install
	$(Q)$(if $(DESTDIR),,$(INDEX))
	$(Q)$(MAKE) --no-print-directory install-tools

install-tools:	## install all that is not for one kernel: verbs, manual, completion, examples
	$(Q)install -d $(BIN) $(VERBS) $(MAN)/man1 $(MAN)/man4 $(EXAMPLES) $(BASH) $(ZSH) $(FISH)
	$(Q)install -m 755 scripts/tcpwatch $(BIN)
	$(Q)install -m 755 $(filter-out %.sh,$(wildcard scripts/tcpwatch-*)) $(VERBS)
	$(Q)install -m 644 $(wildcard scripts/tcpwatch-*.sh) $(VERBS)
	$(Q)install -m 644 $(wildcard scripts/man/*.1) $(MAN)/man1
	$(Q)install -m 644 $(wildcard scripts/man/*.4) $(MAN)/man4
	$(Q)install -m 644 $(wildcard scripts/examples/* scripts/fleet/*) $(EXAMPLES)
	$(Q)install -m 644 scripts/completion/tcpwatch.bash $(BASH)/tcpwatch
	$(Q)install -m 644 scripts/completion/_tcpwatch $(ZSH)
	$(Q)install -m 644 scripts/completion/tcpwatch.fish $(FISH)

uninstall:	## remove what install installed
	$(Q)rm -f $(UPDATES)/tcpwatch.ko*
	$(Q)! [ -d $(UPDATES) ] || rmdir --ignore-fail-on-non-empty $(UPDATES)
	$(Q)$(if $(DESTDIR),,$(INDEX))
	$(Q)rm -f $(BIN)/tcpwatch $(patsubst scripts/man/%,$(MAN)/man1/%,$(wildcard scripts/man/*.1)) \
		$(patsubst scripts/man/%,$(MAN)/man4/%,$(wildcard scripts/man/*.4))
	$(Q)rm -rf $(VERBS) $(SHARE)/doc/tcpwatch
	$(Q)rm -f $(BASH)/tcpwatch $(ZSH)/_tcpwatch $(FISH)/tcpwatch.fish

clean:		## remove what was built, but not the cache of build/
	$(Q)rm -rf *.ko *.mod *.mod.c *.o .*.cmd .module-common.o modules.order \
		Module.symvers module/*.o module/.*.cmd
