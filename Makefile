# SPDX-License-Identifier: GPL-2.0
# The front door. `make` alone prints the commands.

.PHONY: help
help:
	@echo 'PCI live update core for Linux'
