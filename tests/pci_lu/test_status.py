# SPDX-License-Identifier: GPL-2.0
"""status and explain."""

from .fake import CARD, CORE, DEVICES, HOST, LUO, PORT, Case


class Status(Case):
    """What there is."""

    def test_on(self) -> None:
        """Devices and files of both directions."""
        self.write(f"{CORE}/incoming", f"{CARD} unknown 1 missing\n")
        answer = self.answer("status")
        self.assert_says(answer, "yes", "warnings")
        self.assertEqual(answer["formats"]["kho"], ["kho-v4"])
        self.assertEqual(answer["incoming"]["devices"][0]["state"], "missing")
        self.assertEqual(
            answer["outgoing"]["files"][0], {"handler": "card-v1", "token": 7, "session": "vm one"}
        )

    def test_text(self) -> None:
        """A line each."""
        self.assertEqual(self.run_tool("status", "--root", str(self.root)), 0)
        self.assertIn(f"outgoing   {CARD} endpoint 1 preserved, DMA goes on\n", self.out)
        self.assertIn("outgoing   card-v1 token 7 session vm one\n", self.out)

    def test_off(self) -> None:
        """Live Update is off."""
        self.write(f"{CORE}/eligible", f"{CARD} none kept Live Update is off (liveupdate=)\n")
        self.assert_says(self.answer("status"), "no", "no", "Live Update is off")

    def test_unreadable(self) -> None:
        """Not root, no debugfs, no core."""
        self.remove(f"{CORE}/formats")
        self.assert_says(self.answer("status"), "cannot tell", "cannot_tell", "formats")
        self.setUp()
        self.remove(f"{CORE}/eligible")
        self.assert_says(self.answer("status"), "cannot tell", "cannot_tell", "eligible")
        self.setUp()
        self.remove(f"{LUO}/incoming")
        self.assert_says(self.answer("status"), "cannot tell", "cannot_tell", "incoming")


class Collect(Case):
    """A copy of what is read."""

    def test_same_answers(self) -> None:
        """Whatever is asked of the copy."""
        self.group(3, "identity", PORT, CARD)
        self.write(f"{DEVICES}/{CARD}/sriov_numvfs", "0\n")
        self.write(f"{DEVICES}/{CARD}/rom", "much else\n")
        there = self.root.parent / "copy"
        self.assert_says(self.answer("collect", str(there)), "yes", "warnings")
        first = self.check(), self.answer("status"), self.answer("explain", CARD)
        (self.root / f"{CORE}/eligible").unlink()
        without = self.answer("explain", CARD)
        self.root, here = there, self.root
        self.assertEqual((self.check(), self.answer("status"), self.answer("explain", CARD)), first)
        (self.root / f"{CORE}/eligible").unlink()
        self.assertEqual(self.answer("explain", CARD), without)
        self.assertFalse((there / DEVICES / CARD / "rom").exists())
        self.assertTrue((here / DEVICES / CARD / "rom").exists())

    def test_incomplete(self) -> None:
        """What is missing is told, and the rest is copied."""
        self.remove(f"{CORE}/stats")
        there = self.root.parent / "copy"
        answer = self.answer("collect", str(there))
        self.assert_says(answer, "cannot tell", "cannot_tell", "stats cannot be read")
        self.assertTrue((there / LUO / "outgoing").exists())
        answer = self.answer("collect", str(self.image))
        self.assert_says(answer, "cannot tell", "cannot_tell", "cannot be written")


class Explain(Case):
    """Whether a device could be preserved."""

    def explain(self, bdf: str = CARD) -> dict[str, object]:
        """What explain says."""
        return self.answer("explain", bdf)

    def test_yes(self) -> None:
        """The domain may be left out."""
        self.assert_says(self.explain(), "yes", "warnings")
        self.assert_says(self.explain("01:00.0"), "yes", "warnings")

    def test_no_function(self) -> None:
        """Nothing there, and nothing that could be."""
        self.assert_says(self.explain("0000:02:00.0"), "no", "no", "there is no function")
        for bdf in ("eth0", "../../..", "0000:01:20.0"):
            self.assert_says(self.explain(bdf), "cannot tell", "cannot_tell", "no PCI function")

    def test_kernel_says_no(self) -> None:
        """The reason of the kernel."""
        reason = "its IOMMU group has other devices"
        self.write(f"{CORE}/eligible", f"{CARD} liveupdate kept {reason}\n")
        self.assert_says(self.explain(), "no", "no", reason)

    def test_dma(self) -> None:
        """What becomes of DMA, as the kernel says."""
        self.write(f"{CORE}/eligible", f"{CARD} liveupdate stops yes\n")
        self.group(3, "DMA", CARD)
        answer = self.explain()
        self.assert_says(answer, "yes", "warnings", "DMA stops")
        self.assertEqual(answer["domain"], "DMA")
        self.write(f"{CORE}/eligible", f"{CARD} liveupdate maybe yes\n")
        self.assert_says(self.explain(), "cannot tell", "cannot_tell", "unknown line")

    def test_driver(self) -> None:
        """None, and one of which nothing is known."""
        self.write(f"{CORE}/eligible", f"{CARD} other kept yes\n")
        self.assert_says(self.explain(), "cannot tell", "cannot_tell", "card does not declare")
        self.remove(f"{DEVICES}/{CARD}/driver")
        self.assert_says(self.explain(), "no", "no", "no driver is bound")

    def test_bridge(self) -> None:
        """A bridge that is preserved with what is below it."""
        self.assert_says(self.explain(PORT), "yes", "warnings")

    def test_sysfs_is_not_enough(self) -> None:
        """Without the kernel's own answer there is no yes, but there may be a no."""
        self.remove(f"{CORE}/eligible")
        self.assert_says(self.explain(), "cannot tell", "cannot_tell", "what the kernel thinks")
        self.group(3, "DMA", PORT, CARD)
        self.assert_says(self.explain(), "cannot tell", "cannot_tell", "what the kernel thinks")
        self.device("0000:02:00.0", f"{HOST}/0000:02:00.0")
        self.group(3, "DMA", "0000:02:00.0")
        self.assert_says(self.explain(), "no", "no", "other devices: 0000:02:00.0")
        self.write(f"{DEVICES}/{CARD}/sriov_numvfs", "4\n")
        self.link(f"{HOST}/{PORT}/{CARD}/physfn", f"{HOST}/{PORT}")
        reasons = ("Virtual Functions are not", "are enabled", "other devices")
        self.assert_says(self.explain(), "no", "no", *reasons)

    def test_unlisted(self) -> None:
        """The kernel does not know of it."""
        self.write(f"{CORE}/eligible", f"{PORT} other kept yes\n")
        self.assert_says(self.explain(), "cannot tell", "cannot_tell", "is not in")
