# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
#
# What differs between the machines that guests are made for. All is built on amd64; what
# is for another machine is built by a cross compiler, in a root of its own.

# arch_of KERNEL: set ARCH, as Debian spells it, and what goes with it
arch_of() {
	case $1 in
	*/*) ARCH=amd64 ;;
	*-arm64) ARCH=arm64 ;;
	*) ARCH=amd64 ;;
	esac
	case $ARCH in
	amd64)
		ROOT=$STABLE CROSS='' TUPLE=x86_64-linux-gnu USERLAND=userland
		QEMU=qemu-system-x86_64 QEMU_PACKAGE=qemu-system-x86
		# what takes a chardev and is, in the guest, the next ttyS
		UART=isa-serial CPU="-cpu max"
		;;
	arm64)
		ROOT=$STABLE-arm64 CROSS=aarch64-linux-gnu- TUPLE=aarch64-linux-gnu
		USERLAND=userland-arm64
		QEMU=qemu-system-aarch64 QEMU_PACKAGE=qemu-system-arm
		# signing return addresses by the book is what costs most when emulated
		UART=pci-serial CPU="-machine virt -cpu max,pauth-impdef=on"
		;;
	esac
}
