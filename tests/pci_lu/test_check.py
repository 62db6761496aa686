# SPDX-License-Identifier: GPL-2.0
"""check: the image against what is preserved."""

import gzip

from .fake import CARD, CORE, FORMATS, LINE, LUO, PORT, STATEMENT, Case, chunk, image, lines


class Check(Case):
    """What is handed over, and what the image takes."""

    def state(self, *statement: str) -> None:
        """Has the image state this."""
        self.image.write_bytes(image(chunk(b"LvUp", lines(statement))))

    def state_instead(self, old: str, *new: str) -> None:
        """Has the image state something else in one place."""
        self.state(*(line for line in STATEMENT if line != old), *new)

    def test_yes(self) -> None:
        """Everything fits."""
        answer = self.check()
        self.assert_says(answer, "yes", "warnings")
        self.assertEqual(answer["image"]["version"], "7.3.5")
        self.assertEqual([device["bdf"] for device in answer["devices"]], [PORT, CARD])

    def test_text(self) -> None:
        """The last line is the verdict."""
        code = self.run_tool(
            "check", str(self.image), "--root", str(self.root), "--cmdline", LINE
        )
        self.assertEqual((code, self.out.splitlines()[-1]), (0, "yes"))

    def test_other_luo(self) -> None:
        """LUO would panic."""
        self.state_instead("liveupdate_luo=luo-v5", "liveupdate_luo=luo-v6")
        self.assert_says(self.check(), "no", "no", "this kernel hands over luo-v5")

    def test_other_kho(self) -> None:
        """KHO would drop the handover."""
        self.state_instead("liveupdate_kho=kho-v4", "liveupdate_kho=kho-v3")
        self.assert_says(self.check(), "no", "no", "the image takes kho-v3")

    def test_no_luo(self) -> None:
        """KHO without LUO."""
        self.state("liveupdate_kho=kho-v4")
        answer = self.check()
        self.assertEqual(answer["verdict"], "no")
        self.assertIn("the image has no LUO", answer["no"][0])

    def test_two_versions(self) -> None:
        """A statement that contradicts itself is no statement."""
        self.state(*STATEMENT, "liveupdate_luo=luo-v6")
        self.assert_says(self.check(), "cannot tell", "cannot_tell", "LUO more than once")

    def test_no_pci(self) -> None:
        """Without CONFIG_PCI_LIVEUPDATE."""
        self.state(*(line for line in STATEMENT if "pci" not in line))
        self.assert_says(self.check(), "no", "no", "takes no PCI devices")

    def test_no_pci_and_no_device(self) -> None:
        """It matters only if there are devices."""
        self.write(f"{CORE}/outgoing", "")
        self.write(f"{LUO}/outgoing", "memfd-v2 8 vm\n")
        self.state(*(line for line in STATEMENT if "pci" not in line))
        self.assert_says(self.check(), "yes", "warnings", "takes no PCI devices")

    def test_one_list_is_enough(self) -> None:
        """Of two formats, either will do; the version counts."""
        self.write(f"{CORE}/formats", FORMATS.replace("writes pci-v3", "writes pci-v3 pci:2"))
        self.state_instead("liveupdate_pci_reads=pci-v3", "liveupdate_pci_reads=pci:1 pci:2")
        self.assert_says(self.check(), "yes", "warnings")
        self.state_instead("liveupdate_pci_reads=pci-v3", "liveupdate_pci_reads=pci:3")
        self.assert_says(self.check(), "no", "no", "the image reads pci:3")

    def test_record_is_no_list(self) -> None:
        """A record of what the devices are is not enough, and not needed."""
        formats = FORMATS.replace("writes pci-v3", "writes pci-v3 pci-identity-v1")
        self.write(f"{CORE}/formats", formats)
        self.assert_says(self.check(), "yes", "warnings", "does not read pci-identity-v1")
        self.state_instead("liveupdate_pci_reads=pci-v3", "liveupdate_pci_reads=pci-identity-v1")
        self.assert_says(self.check(), "no", "no", "takes no PCI devices")

    def test_file_without_handler(self) -> None:
        """A handler that is not built in may be in a module, or nowhere."""
        self.state_instead("liveupdate_file=card-v1")
        self.assert_says(self.check(), "cannot tell", "cannot_tell", "no handler card-v1")
        modules = self.root / "modules"
        modules.mkdir()
        answer = self.check("--modules", str(modules))
        self.assert_says(answer, "cannot tell", "cannot_tell", "there are no modules")
        (modules / "other.ko").write_bytes(b"\x7fELF\0license=GPL\0liveupdate_file=other-v1\0")
        answer = self.check("--modules", str(modules))
        self.assert_says(answer, "no", "no", "no handler card-v1, for token 7")
        (modules / "card.ko.gz").write_bytes(gzip.compress(b"\0liveupdate_file=card-v1\0"))
        answer = self.check("--modules", str(modules))
        self.assert_says(answer, "yes", "warnings", "card-v1 is in card.ko.gz")
        (modules / "zstd.ko.zst").write_bytes(b"(\xb5/\xfd")
        answer = self.check("--modules", str(modules))
        self.assert_says(answer, "cannot tell", "cannot_tell", "cannot be read")

    def test_unreadable(self) -> None:
        """What this kernel does not say is never a yes."""
        for name in ("outgoing", "incoming", "formats"):
            self.setUp()
            self.remove(f"{CORE}/{name}")
            self.assert_says(self.check(), "cannot tell", "cannot_tell", f"{name} cannot be read")
        self.setUp()
        self.remove(f"{LUO}/outgoing")
        self.assert_says(self.check(), "cannot tell", "cannot_tell", "liveupdate/outgoing")

    def test_unknown_lines(self) -> None:
        """Neither is what it says in another way."""
        for name in (f"{CORE}/outgoing", f"{CORE}/formats", f"{LUO}/outgoing"):
            self.setUp()
            self.write(name, "something\n")
            self.assert_says(self.check(), "cannot tell", "cannot_tell", "unknown line")

    def test_silent_formats(self) -> None:
        """A kernel that names neither KHO nor LUO."""
        self.write(f"{CORE}/formats", "writes pci-v3\n")
        answer = self.check()
        self.assert_says(answer, "cannot tell", "cannot_tell", "which KHO", "which LUO")

    def test_off(self) -> None:
        """This kernel hands over nothing."""
        self.write(f"{CORE}/eligible", f"{CARD} none kept Live Update is off (liveupdate=)\n")
        self.assert_says(self.check(), "no", "no", "Live Update is off in this kernel")

    def test_incoming(self) -> None:
        """A device of the previous kernel that is not preserved again."""
        self.write(f"{CORE}/incoming", f"{CARD} endpoint 1 found\n0000:02:00.0 endpoint 1 found\n")
        self.assert_says(self.check(), "yes", "warnings", "0000:02:00.0: incoming")
        self.assert_says(self.check("--strict"), "no", "no", "0000:02:00.0: incoming")

    def test_link_out_of_the_root(self) -> None:
        """A copy of another system does not make the tool read this one."""
        self.remove(f"{CORE}/outgoing")
        (self.root / CORE / "outgoing").symlink_to("/proc/self/status")
        self.assert_says(self.check(), "cannot tell", "cannot_tell", "leads out of")
