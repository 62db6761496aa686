// SPDX-License-Identifier: GPL-2.0

//! The only program of a test guest.
//!
//! It is `/init`: it mounts file systems, opens the second serial port, sends a greeting and
//! answers requests until the machine ends. Requests are primitives: read a file, preserve a file
//! descriptor, load the next kernel. The scenarios that combine them run on the host.
//!
//! ```text
//! host   scenario ── request line ──> ttyS1 ──> agent ── system call ──> kernel under test
//!                 <── response line ──       <──
//! ```
//!
//! Every kernel of a scenario starts this program again. State that has to outlive a kernel is kept
//! in a preserved memfd.

mod boot;
mod drivers;
mod errno;
mod faults;
mod fds;
mod files;
mod frames;
mod hello;
mod iommufd;
mod irqs;
mod kexec;
mod luo;
mod memory;
mod modules;
mod pages;
mod port;
mod process;
mod stress;
mod sys;
mod verbs;
mod vfio;
mod wire;

use std::io;

use crate::port::Port; //

/// The port of the agent. The console uses another one.
const PORT: &str = "/dev/ttyS1";

fn serve() -> io::Result<()> {
    boot::mount_all()?;
    let mut port = Port::open(PORT)?;
    port.send(&hello::line())?;

    let agent = verbs::Agent::new();
    loop {
        let line = port.receive()?;
        port.send(&agent.answer(&line))?;
    }
}

fn main() {
    // Reached only if the port fails. Init must not return: the kernel panics, and the console
    // shows the reason to the host.
    if let Err(err) = serve() {
        eprintln!("agent: {err}");
    }
}
