# SPDX-License-Identifier: GPL-2.0
# For people: `make help`. What the kernel's build reads is in Kbuild.

KDIR ?= /lib/modules/$(shell uname -r)/build
V ?= 0
export V
Q := $(if $(filter 0,$(V)),@)

.DEFAULT_GOAL := module
.PHONY: module help demo test bench mutants check load unload install uninstall clean

module:		## build tcpwatch.ko for KDIR (default: the running kernel)
	$(Q)$(MAKE) $(if $(filter 0,$(V)),-s --no-print-directory) -C $(KDIR) \
		M=$(CURDIR) $(if $(W),W=$(W)) $(if $(C),C=$(C)) modules

help:		## list the targets
	@sed -n 's/^\([a-z]*\):.*## /  \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14
	@echo 'V=1 shows the commands; K=6.12 T=name narrows make test and bench.'

demo:		## show the main job, in a throw-away VM
	$(Q)selftests/vm/run -k $(or $(K),6.12) --icount \
		--copy scripts/tcpwatch-demo -- ./tcpwatch-demo

test:		## run the tests on 6.1, 6.12 and sid, or on K; T names one test
	$(Q)selftests/vm/test $(foreach k,$(K),-k $(k)) $(foreach t,$(T),-t $(t))

mutants:	## break the rule book and see the differential test turn red
	$(Q)selftests/vm/mutants $(foreach k,$(K),-k $(k))

bench:		## instructions with and without the module, on 6.12 or K; T names groups
	$(Q)selftests/vm/bench $(foreach k,$(K),-k $(k)) $(T)

check:		## checkpatch --strict, sparse, W=1 and shellcheck
	$(Q)selftests/vm/check

load: module	## load the module that was built here
	$(Q)insmod tcpwatch.ko

unload:		## unload it
	$(Q)rmmod tcpwatch

install: module	## install the module for KDIR's kernel
	$(Q)$(MAKE) $(if $(filter 0,$(V)),-s --no-print-directory) -C $(KDIR) \
		M=$(CURDIR) modules_install

uninstall:	## remove what install installed
	$(Q)rm -f $(INSTALL_MOD_PATH)/lib/modules/$(shell $(MAKE) -s --no-print-directory \
		-C $(KDIR) kernelrelease)/updates/tcpwatch.ko*
	$(Q)depmod $(if $(INSTALL_MOD_PATH),-b $(INSTALL_MOD_PATH)) \
		$(shell $(MAKE) -s --no-print-directory -C $(KDIR) kernelrelease)

clean:		## remove what was built, but not the cache of build/
	$(Q)rm -rf *.ko *.mod *.mod.c *.o .*.cmd .module-common.o modules.order \
		Module.symvers module/*.o module/.*.cmd
