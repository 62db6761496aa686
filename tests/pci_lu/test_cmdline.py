# SPDX-License-Identifier: GPL-2.0
"""check: the command line of the next kernel."""

from .fake import CARD, CORE, FORMATS, LINE, STATEMENT, Case, chunk, image, lines


class CommandLine(Case):
    """Parameters that prevent the update, or may."""

    def test_not_given(self) -> None:
        """Nobody can tell what it will be."""
        answer = self.check(line=None)
        self.assert_says(answer, "cannot tell", "cannot_tell", "say --cmdline")

    def test_reused(self) -> None:
        """That of the running kernel."""
        answer = self.check("--reuse-cmdline", line=None)
        self.assert_says(answer, "yes", "warnings")
        self.assertEqual(answer["command_line"], LINE)
        self.write("proc/cmdline", "liveupdate=on\n")
        answer = self.check("--reuse-cmdline", line=None)
        self.assert_says(answer, "no", "no", "kho=on")

    def test_switches(self) -> None:
        """As the kernel reads them: the first letters, and the last parameter."""
        fine = (
            "kho=1 liveupdate=y",
            "kho=off kho=on liveupdate=true",
            "kho=on,x liveupdate=on",
            '"kho=on" liveupdate="on"',
            'a="b -- c" kho=on liveupdate=on -- kho=off',
        )
        for line in fine:
            self.assert_says(self.check(line=line), "yes", "warnings")
        for line in ("", "kho", "kho=0", "kho=on kho=off", "-- kho=on", 'a="b kho=on c"'):
            answer = self.check(line=f"liveupdate=on {line}")
            self.assert_says(answer, "no", "no", "kho=on")
        off = ("", "liveupdate=off", "liveupdate=n", "Liveupdate=on", "liveupdate=on liveupdate=0")
        for line in off:
            answer = self.check(line=f"kho=on {line}")
            self.assert_says(answer, "no", "no", "liveupdate=on")

    def test_malformed(self) -> None:
        """A malformed value changes nothing."""
        answer = self.check(line=f"{LINE} kho=maybe")
        self.assert_says(answer, "yes", "warnings", "ignores kho=maybe")

    def test_kho_by_default(self) -> None:
        """CONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT."""
        statement = (*STATEMENT, "liveupdate_kho_default=on")
        self.image.write_bytes(image(chunk(b"LvUp", lines(statement))))
        self.assert_says(self.check(line="liveupdate=on"), "yes", "warnings")
        self.assert_says(self.check(line="liveupdate=on kho=off"), "no", "no", "kho=on")

    def test_formats(self) -> None:
        """pci_liveupdate.formats= leaves formats out, of those that the image reads."""
        reads = "liveupdate_pci_reads=pci-v3 pci:1 pci:2"
        statement = [reads if "reads" in item else item for item in STATEMENT]
        self.image.write_bytes(image(chunk(b"LvUp", lines(tuple(statement)))))
        for value in ("pci-v3", "pci,pci-v3"):
            answer = self.check(line=f"{LINE} pci_liveupdate.formats={value}")
            self.assert_says(answer, "yes", "warnings")
        answer = self.check(line=f"{LINE} pci_liveupdate.formats=pci")
        self.assert_says(answer, "no", "no", "leaves out pci-v3")
        answer = self.check(line=f"{LINE} pci_liveupdate.formats=pci,pci-v4")
        self.assert_says(answer, "yes", "warnings", "ignores pci_liveupdate.formats=pci,pci-v4")
        self.write(f"{CORE}/formats", FORMATS.replace("writes pci-v3", "writes pci-v3 pci:2"))
        answer = self.check(line=f"{LINE} pci_liveupdate.formats=pci")
        self.assert_says(answer, "yes", "warnings")

    def test_policy(self) -> None:
        """pci_liveupdate=, also with a dash."""
        for value in ("panic", "contain"):
            answer = self.check(line=f"{LINE} pci_liveupdate={value}")
            self.assert_says(answer, "yes", "warnings")
        answer = self.check(line=f"{LINE} pci-liveupdate=ignore")
        self.assert_says(answer, "yes", "warnings", "pci_liveupdate=ignore")
        answer = self.check(line=f"{LINE} pci_liveupdate=pray")
        self.assert_says(answer, "cannot tell", "cannot_tell", "pci_liveupdate=pray")

    def test_no_pci(self) -> None:
        """pci=off."""
        self.assert_says(self.check(line=f"{LINE} pci=off"), "no", "no", "no device is found")

    def test_dma(self) -> None:
        """Whether DMA goes on is for the kernel to say."""
        self.group(3, "identity", CARD)
        self.assert_says(self.check(), "yes", "warnings")
        self.outgoing("DMA stops")
        self.assert_says(self.check(), "yes", "warnings", "DMA stops")
        self.assert_says(self.check("--strict"), "no", "no", "DMA stops")
        self.outgoing("and no more")
        self.assert_says(self.check(), "cannot tell", "cannot_tell", "whether DMA goes on")
        self.outgoing("DMA goes on")
        self.remove("sys/kernel/iommu_groups/3/type")
        self.assert_says(self.check(), "cannot tell", "cannot_tell", "which IOMMU domain")

    def test_no_iommu(self) -> None:
        """A file of vfio-pci needs one, and others lose protection."""
        off = f"{LINE} iommu=pt,off"
        self.assert_says(self.check(line=off), "yes", "warnings")
        self.group(3, "identity", CARD)
        self.assert_says(self.check(line=off), "yes", "warnings", "nothing isolates it")
        path = str((self.root / "sys/bus/pci/devices" / CARD).resolve())
        self.device(CARD, path.removeprefix(f"{self.root.resolve()}/"), driver="vfio-pci")
        self.assert_says(self.check(line=off), "no", "no", "iommufd")
        answer = self.check(line=f"{LINE} intel_iommu=on,off")
        self.assert_says(answer, "no", "no", "intel_iommu=on,off")
