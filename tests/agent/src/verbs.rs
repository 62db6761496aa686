// SPDX-License-Identifier: GPL-2.0

//! The requests: the name of each verb, its arguments and its result.
//!
//! A request is `NUMBER VERB ARGUMENT...`; the answer is `NUMBER ok VALUE...` or
//! `NUMBER err ERRNO TEXT`. Numbers in arguments and values are decimal.

use std::ffi::CString;
use std::ffi::OsStr;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::thread;
use std::time::Duration; //

use crate::drivers;
use crate::errno::Errno;
use crate::errno::Result;
use crate::faults::Extent;
use crate::faults::Faults;
use crate::fds::Fds;
use crate::files;
use crate::frames;
use crate::iommufd;
use crate::irqs;
use crate::kexec;
use crate::luo;
use crate::memory;
use crate::modules;
use crate::pages;
use crate::process::Processes;
use crate::stress::Stress;
use crate::sys;
use crate::vfio;
use crate::wire::Word; //

/// The arguments of a request, in order.
pub(crate) struct Args<'a> {
    rest: &'a [Word],
}

impl<'a> Args<'a> {
    fn new(words: &'a [Word]) -> Self {
        Self { rest: words }
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8]> {
        let (first, rest) = self
            .rest
            .split_first()
            .ok_or_else(|| Errno::invalid("argument missing"))?;
        self.rest = rest;
        Ok(first)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str> {
        std::str::from_utf8(self.bytes()?).map_err(|err| Errno::invalid(err.to_string()))
    }

    pub(crate) fn number<T: FromStr>(&mut self) -> Result<T> {
        let text = self.text()?;
        text.parse()
            .map_err(|_| Errno::invalid(format!("bad number {text:?}")))
    }

    fn path(&mut self) -> Result<&'a Path> {
        Ok(Path::new(OsStr::from_bytes(self.bytes()?)))
    }

    fn string(&mut self) -> Result<CString> {
        Ok(CString::new(self.bytes()?)?)
    }

    /// Returns all remaining ones.
    pub(crate) fn remaining(&mut self) -> &'a [Word] {
        std::mem::take(&mut self.rest)
    }

    fn end(&self) -> Result<()> {
        match self.rest.len() {
            0 => Ok(()),
            n => Err(Errno::invalid(format!("{n} arguments too many"))),
        }
    }
}

pub(crate) fn number(value: impl ToString) -> Vec<Word> {
    vec![value.to_string().into_bytes()]
}

fn range(args: &mut Args<'_>) -> Result<iommufd::Range> {
    Ok(iommufd::Range {
        start: args.number()?,
        len: args.number()?,
        iova: args.number()?,
    })
}

/// The state shared by requests; stress threads use the same descriptors.
#[derive(Default)]
pub(crate) struct Primitives {
    fds: Fds,
    processes: Processes,
    faults: Faults,
}

impl Primitives {
    /// Executes a request.
    pub(crate) fn run(&self, words: &[Word]) -> Result<Vec<Word>> {
        let mut args = Args::new(words);
        let verb = args.text()?;

        let values = match verb.split_once('.') {
            Some(("file", verb)) => self.file(verb, &mut args),
            Some(("fd", verb)) => self.fd(verb, &mut args),
            Some(("luo", verb)) => self.luo(verb, &mut args),
            Some(("vfio", verb)) => self.vfio(verb, &mut args),
            Some(("dma", verb)) => drivers::dma(&self.fds, verb, &mut args),
            Some(("e1000e", verb)) => drivers::e1000e(&self.fds, verb, &mut args),
            Some(("nvme", verb)) => drivers::nvme(&self.fds, verb, &mut args),
            Some(("iommufd", verb)) => self.iommufd(verb, &mut args),
            Some(("process", verb)) => self.process(verb, &mut args),
            Some(("thread", verb)) => Self::thread(verb, &mut args),
            Some(("kernel", verb)) => Self::kernel(verb, &mut args),
            Some(("fault", verb)) => self.fault(verb, &mut args),
            _ => Err(Errno::invalid(format!("no verb {verb:?}"))),
        }?;
        args.end()?;
        Ok(values)
    }

    /// Files by path.
    fn file(&self, verb: &str, args: &mut Args<'_>) -> Result<Vec<Word>> {
        let path = args.path()?;
        match verb {
            "read" => Ok(vec![files::read(path)?]),
            "read_at" => Ok(vec![files::read_at(path, args.number()?, args.number()?)?]),
            "write" => files::write(path, args.bytes()?).map(|()| vec![]),
            "write_at" => files::write_at(path, args.number()?, args.bytes()?).map(|()| vec![]),
            "list" => files::list(path),
            "mode" => Ok(number(files::mode(path)?)),
            "readlink" => Ok(vec![files::readlink(path)?]),
            "exists" => Ok(number(u8::from(path.symlink_metadata().is_ok()))),
            "open" => Ok(number(self.fds.add(files::open(path, args.text()?)?))),
            _ => Err(Errno::invalid(format!("no verb file.{verb}"))),
        }
    }

    /// Open files, and memory.
    fn fd(&self, verb: &str, args: &mut Args<'_>) -> Result<Vec<Word>> {
        if verb == "memfd" {
            return Ok(number(self.fds.add(memory::memfd(&args.string()?)?)));
        }
        if verb == "eventfd" {
            return Ok(number(self.fds.add(irqs::eventfd()?)));
        }
        let fd = args.number()?;
        if verb == "close" {
            return self.fds.close(fd).map(|()| vec![]);
        }
        let fd = self.fds.get(fd)?;
        match verb {
            "pread" => Ok(vec![files::pread(&fd, args.number()?, args.number()?)?]),
            "pwrite" => files::pwrite(&fd, args.number()?, args.bytes()?).map(|()| vec![]),
            "size" => Ok(number(memory::size(&fd)?)),
            "truncate" => memory::truncate(&fd, args.number()?).map(|()| vec![]),
            "peek" => Ok(vec![memory::peek(&fd, args.number()?, args.number()?)?]),
            "hash" => Ok(number(memory::hash(&fd, args.number()?, args.number()?)?)),
            "load" => Ok(number(memory::load(&fd, args.number()?)?)),
            "store" => memory::store(&fd, args.number()?, args.number()?).map(|()| vec![]),
            "frames" => frames::take(&fd, args.bytes()?),
            "pages" => Ok(vec![pages::entries(&fd, args.number()?, args.number()?)?]),
            "allocate" => memory::allocate(&fd, args.number()?).map(|()| vec![]),
            "events" => Ok(number(irqs::events(&fd)?)),
            "fill" => pages::fill(&fd, args.number()?).map(|()| vec![]),
            "page_out" => pages::page_out(&fd, args.number()?, args.number()?).map(|()| vec![]),
            _ => Err(Errno::invalid(format!("no verb fd.{verb}"))),
        }
    }

    /// Live Update sessions. The first argument is `/dev/liveupdate` or a session.
    fn luo(&self, verb: &str, args: &mut Args<'_>) -> Result<Vec<Word>> {
        let on = self.fds.get(args.number()?)?;
        match verb {
            "create" => Ok(number(self.fds.add(luo::create(&on, args.bytes()?)?))),
            "retrieve" => Ok(number(self.fds.add(luo::retrieve(&on, args.bytes()?)?))),
            "preserve_fd" => luo::preserve_fd(&on, args.number()?, args.number()?).map(|()| vec![]),
            "retrieve_fd" => Ok(number(self.fds.add(luo::retrieve_fd(&on, args.number()?)?))),
            "finish" => luo::finish(&on).map(|()| vec![]),
            "name" => Ok(vec![luo::name(&on)?]),
            _ => Err(Errno::invalid(format!("no verb luo.{verb}"))),
        }
    }

    /// Devices that user space controls. The first argument is the cdev.
    fn vfio(&self, verb: &str, args: &mut Args<'_>) -> Result<Vec<Word>> {
        let device = self.fds.get(args.number()?)?;
        match verb {
            "bind" => vfio::bind(&device, &*self.fds.get(args.number()?)?).map(|()| vec![]),
            "attach" => vfio::attach(&device, args.number()?).map(|()| vec![]),
            "start" => vfio::start(&device).map(|()| vec![]),
            "reset" => vfio::reset(&device).map(|()| vec![]),
            "hot_reset" => vfio::hot_reset(&device).map(|()| vec![]),
            "info" => vfio::info(&device).map(|()| vec![]),
            "set_irqs" => {
                let (index, start) = (args.number()?, args.number()?);
                let eventfds = self.descriptors(args)?;
                irqs::set(&device, index, start, &eventfds).map(|()| vec![])
            }
            "unmask" => irqs::unmask(&device).map(|()| vec![]),
            "export" => {
                let export = vfio::export(&device, args.number()?, args.number()?)?;
                Ok(number(self.fds.add(export)))
            }
            "until_refused" => vfio::until_refused(&device, args.number()?).map(|()| vec![]),
            "low_power" => vfio::low_power(&device).map(|()| vec![]),
            "group_device" => vfio::group_device(&device, args.bytes()?).map(|()| vec![]),
            "read" => Ok(vec![vfio::config_read(
                &device,
                args.number()?,
                args.number()?,
            )?]),
            "write" => vfio::config_write(&device, args.number()?, args.bytes()?).map(|()| vec![]),
            _ => Err(Errno::invalid(format!("no verb vfio.{verb}"))),
        }
    }

    /// Address spaces for devices. The first argument is an open `/dev/iommu`.
    fn iommufd(&self, verb: &str, args: &mut Args<'_>) -> Result<Vec<Word>> {
        let iommufd = self.fds.get(args.number()?)?;
        if verb == "ioas_alloc" {
            return Ok(number(iommufd::ioas_alloc(&iommufd)?));
        }
        let ioas = args.number()?;
        match verb {
            "map" => iommufd::map(&iommufd, ioas, &*self.file_at(args)?, &range(args)?),
            "map_file" => iommufd::map_file(&iommufd, ioas, &*self.file_at(args)?, &range(args)?),
            "unmap" => iommufd::unmap(&iommufd, ioas, args.number()?, args.number()?),
            "physical" => {
                return Ok(number(iommufd::physical(&iommufd, ioas, args.number()?)?));
            }
            _ => Err(Errno::invalid(format!("no verb iommufd.{verb}"))),
        }
        .map(|()| vec![])
    }

    /// The rest of the arguments, each a descriptor.
    fn descriptors(&self, args: &mut Args<'_>) -> Result<Vec<RawFd>> {
        let mut found = Vec::new();

        while args.end().is_err() {
            found.push(self.file_at(args)?.as_raw_fd());
        }
        Ok(found)
    }

    fn file_at(&self, args: &mut Args<'_>) -> Result<Arc<OwnedFd>> {
        self.fds.get(args.number()?)
    }

    /// The calling thread.
    fn thread(verb: &str, args: &mut Args<'_>) -> Result<Vec<Word>> {
        match verb {
            "pin" => sys::pin(args.number()?)?,
            "pause" => thread::sleep(Duration::from_micros(args.number()?)),
            "drop_capability" => sys::drop_capability(args.number()?)?,
            _ => return Err(Errno::invalid(format!("no verb thread.{verb}"))),
        }
        Ok(vec![])
    }

    /// Other programs.
    fn process(&self, verb: &str, args: &mut Args<'_>) -> Result<Vec<Word>> {
        if verb == "start" {
            let path = args.path()?;
            return Ok(number(self.processes.start(path, args.remaining())?));
        }
        let process = args.number()?;
        match verb {
            "line" => Ok(vec![self.processes.line(process)?]),
            "kill" => self.processes.kill(process).map(|()| vec![]),
            "wait" => Ok(number(self.processes.wait(process)?)),
            _ => Err(Errno::invalid(format!("no verb process.{verb}"))),
        }
    }

    /// Requests during which an allocation fails.
    fn fault(&self, verb: &str, args: &mut Args<'_>) -> Result<Vec<Word>> {
        let extent = match verb {
            "nth" => Extent::One,
            "rest" => Extent::Rest,
            "left" => return Ok(number(self.faults.left())),
            _ => return Err(Errno::invalid(format!("no verb fault.{verb}"))),
        };
        let nth = args.number()?;
        let request = args.remaining();

        self.faults.during(extent, nth, || self.run(request))
    }

    /// The kernel itself.
    fn kernel(verb: &str, args: &mut Args<'_>) -> Result<Vec<Word>> {
        match verb {
            "log" => Ok(vec![sys::kernel_log()?]),
            "load_module" => modules::load(args.path()?, &args.string()?).map(|()| vec![]),
            "unload_module" => modules::unload(&args.string()?).map(|()| vec![]),
            "kexec_load" => {
                kexec::load(args.path()?, args.path()?, &args.string()?).map(|()| vec![])
            }
            "kexec_load_there_and_back" => kexec::load_there_and_back().map(|()| vec![]),
            "kexec" => kexec::jump().map(|()| vec![]),
            "swapon" => {
                sys::swapon(&args.string()?)?;
                Ok(vec![])
            }
            "restart" => kexec::restart().map(|()| vec![]),
            "exit" => kexec::exit(args.number()?).map(|()| vec![]),
            _ => Err(Errno::invalid(format!("no verb kernel.{verb}"))),
        }
    }
}

/// All state of the agent.
pub(crate) struct Agent {
    primitives: Arc<Primitives>,
    stress: Stress,
}

impl Agent {
    pub(crate) fn new() -> Self {
        let primitives = Arc::<Primitives>::default();
        Self {
            stress: Stress::new(primitives.clone()),
            primitives,
        }
    }

    fn run(&self, words: &[Word]) -> Result<Vec<Word>> {
        let mut args = Args::new(words);
        match args.text()?.strip_prefix("stress.") {
            Some(verb) => self.stress.run(verb, &mut args),
            None => self.primitives.run(words),
        }
    }

    /// Returns the answer to a request line.
    pub(crate) fn answer(&self, line: &[Word]) -> Vec<Word> {
        let (id, request) = line
            .split_first()
            .map_or((Word::new(), line), |(id, rest)| (id.clone(), rest));
        let mut answer = vec![id];
        match self.run(request) {
            Ok(values) => {
                answer.push(Word::from(*b"ok"));
                answer.extend(values);
            }
            Err(err) => {
                answer.push(Word::from(*b"err"));
                answer.extend([err.code.to_string().into_bytes(), err.text.into_bytes()]);
            }
        }
        answer
    }
}
