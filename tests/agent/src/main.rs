// SPDX-License-Identifier: GPL-2.0

//! The one program of a test guest.
//!
//! It is `/init`: it mounts the kernel's file systems, opens the second serial port, says hello and
//! then answers requests until the machine ends. Requests are primitives (read a file, preserve a
//! file descriptor, load the next kernel); the stories that string them together live on the host.
//!
//! ```text
//! host   scenario ── request line ──> ttyS1 ──> agent ── system call ──> kernel under test
//!                 <── response line ──       <──
//! ```
//!
//! Every kernel of a scenario starts the same program again, so nothing is kept in it: what has to
//! outlive a kernel goes through a preserved memfd, like the state of any live-updated program.

mod boot;
mod errno;
mod fds;
mod files;
mod frames;
mod hello;
mod kexec;
mod luo;
mod memory;
mod port;
mod stress;
mod sys;
mod verbs;
mod vfio;
mod wire;

use std::io;

use crate::port::Port; //

/// The port that belongs to the agent alone. The console is another one.
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
    // Reached only when the port is lost: init must not return, the kernel panics and the host
    // finds the reason in the console.
    if let Err(err) = serve() {
        eprintln!("agent: {err}");
    }
}
