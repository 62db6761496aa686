# SPDX-License-Identifier: GPL-2.0
"""Code that can change what a live device depends on is found, and other code is not."""

import unittest

import writers

CORE = "drivers/pci/probe.c"


class Writers(unittest.TestCase):
    """Functions with a line each."""

    def check(self, kind: writers.Kind, found: list[str], others: list[str]) -> None:
        """Writers, and lines that are similar."""
        for line in found:
            with self.subTest(line):
                text = f"static int f(struct pci_dev *dev)\n{{\n\t{line}\n}}\n"
                self.assertEqual(writers.writers_in(CORE, text, kind), {f"{CORE} f"})
                own = writers.writers_in("drivers/net/x.c", text, kind)
                self.assertEqual(own, {"drivers/net/x.c"})
        for line in others:
            with self.subTest(line):
                text = f"static int f(struct pci_dev *dev)\n{{\n\t{line}\n}}\n"
                self.assertEqual(writers.writers_in(CORE, text, kind), set())

    def test_master(self) -> None:
        """The Command register."""
        self.check(
            writers.MASTER,
            [
                "pci_write_config_word(dev, PCI_COMMAND, cmd);",
                "pci_write_config_word(dev,\n\t\t\t      PCI_COMMAND, cmd);",
                "pci_write_config_byte(dev, 0x04, 6);",
                "cmd |= PCI_COMMAND_MASTER;",
            ],
            [
                "pci_read_config_word(dev, PCI_COMMAND, &cmd);",
                "/* pci_write_config_word(dev, PCI_COMMAND, cmd); */",
                "pci_write_config_byte(dev, 0x40, 6);",
            ],
        )

    def test_bus_numbers(self) -> None:
        """Registers, and the ranges of buses."""
        self.check(
            writers.BUS_NUMBERS,
            [
                "pci_write_config_dword(dev, PCI_PRIMARY_BUS, buses);",
                "pci_bus_write_config_byte(bus, devfn, PCI_SUBORDINATE_BUS, max);",
                "pci_write_config_dword(dev, 0x18, buses);",
                "pci_bus_update_busn_res_end(child, max);",
            ],
            [
                "pci_read_config_dword(dev, PCI_PRIMARY_BUS, &buses);",
                "pci_bus_release_busn_res(bus);",
            ],
        )

    def test_routing(self) -> None:
        """ACS and ARI."""
        self.check(
            writers.ACS,
            [
                "pci_write_config_word(dev, pos + PCI_ACS_CTRL, ctrl);",
                "pci_write_config_dword(dev, pos + INTEL_SPT_ACS_CTRL, ctrl);",
                "pci_enable_acs(dev);",
            ],
            ["pci_read_config_word(dev, pos + PCI_ACS_CTRL, &ctrl);"],
        )
        self.check(
            writers.ARI,
            [
                "pcie_capability_set_word(bridge, PCI_EXP_DEVCTL2,\n\t\tPCI_EXP_DEVCTL2_ARI);",
                "bridge->ari_enabled = 0;",
            ],
            ["if (bridge->ari_enabled == 0)", "if (cap & PCI_EXP_DEVCTL2_ARI)"],
        )

    def test_resets(self) -> None:
        """Registers, functions and methods."""
        self.check(
            writers.RESETS,
            [
                "pcie_capability_set_word(dev, PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_BCR_FLR);",
                "ctrl |= PCI_BRIDGE_CTL_BUS_RESET;",
                "pcie_flr(dev);",
                "rc = __pci_reset_function_locked(dev);",
                "pci_bridge_secondary_bus_reset(dev);",
                "pp->bridge->reset_root_port = f;",
            ],
            ["dev_info(dev, \"reset\");", "reset_control_assert(rst);"],
        )


if __name__ == "__main__":
    unittest.main()
