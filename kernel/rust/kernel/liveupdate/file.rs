// SPDX-License-Identifier: GPL-2.0

//! Files that user space takes along into the next kernel.
//!
//! The life of such a file, in the order of time:
//!
//! 1. Old kernel: user space gives a file descriptor to a session of LUO. LUO asks one handler
//!    after the other whether the file is its own ([`Handler::can_preserve`]), and has the first
//!    that says yes save the file ([`Handler::preserve`]). The handler returns the number that the
//!    next kernel gets, and an object that LUO keeps for it. From now on LUO holds a reference on
//!    the file and one on the handler's module.
//! 2. If user space closes the session, the handler gets the object back ([`Handler::unpreserve`]),
//!    and the file is like any other again.
//! 3. Otherwise user space calls `reboot()`. The handler writes down what may have changed since
//!    ([`Handler::freeze`]); user space can no longer change anything. If any handler refuses, the
//!    files that were frozen before are released ([`Handler::unfreeze`]), and `reboot()` fails.
//! 4. New kernel: `/dev/liveupdate` is opened for the first time, and LUO looks for the handlers of
//!    all files by [`Handler::COMPATIBLE`]. One that is not there by now is missed for good.
//! 5. User space asks for the file, and the handler makes it anew ([`Handler::retrieve`]). LUO
//!    tries that once. It holds a reference on the file that came out of it.
//! 6. User space finishes the session. If no handler objects ([`Handler::can_finish`]), each one
//!    cleans up ([`Handler::finish`]), and LUO lets go of the file and of the module. This happens
//!    to files that were never retrieved, too: [`Incoming`] tells.
//!
//! What LUO guarantees: the callbacks for one file never run at the same time. They may sleep, and
//! run in the context of the process that made the request, with locks of LUO held; hence they must
//! not wait for anybody who may be waiting for LUO, such as the last close of a preserved file.

use super::compatible;
use crate::{
    bindings,
    error::{
        from_result,
        to_result,
        VTABLE_DEFAULT_ERROR, //
    },
    fs::File,
    kho,
    module::this_module,
    prelude::*,
    sync::aref::ARef,
    types::{
        ForeignOwnable,
        Opaque, //
    }, //
};
use core::{
    marker::PhantomData,
    mem, //
};

/// The code behind a kind of files that can be preserved.
///
/// See the [module documentation](self) for when the methods are called, and the sample
/// [`rust_driver_pci_liveupdate.rs`] for a whole driver.
///
/// [`rust_driver_pci_liveupdate.rs`]: srctree/samples/rust/rust_driver_pci_liveupdate.rs
#[vtable]
pub trait Handler: Sized + 'static {
    /// The name under which the next kernel looks for the handler. It names the format as well.
    const COMPATIBLE: &'static CStr;

    /// What the old kernel keeps for a file, between [`preserve`](Self::preserve) and
    /// [`unpreserve`](Self::unpreserve).
    type Outgoing: ForeignOwnable + Send;

    /// Returns whether the file is one of this handler.
    ///
    /// Called for files of all kinds, so be quick, and assume nothing about `file`.
    fn can_preserve(file: &File) -> bool;

    /// Saves the file.
    ///
    /// The file stays in use. The number is what [`retrieve`](Self::retrieve) gets in the next
    /// kernel, as a rule a [`kho::Preserved::handle`].
    fn preserve(file: &File) -> Result<(u64, Self::Outgoing)>;

    /// The live update was called off for this file.
    fn unpreserve(file: &File, outgoing: Self::Outgoing) {
        let _ = file;
        drop(outgoing);
    }

    /// Saves what may have changed since [`preserve`](Self::preserve). An error calls the live
    /// update off.
    fn freeze(
        file: &File,
        outgoing: <Self::Outgoing as ForeignOwnable>::BorrowedMut<'_>,
    ) -> Result {
        let _ = (file, outgoing);
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Undoes [`freeze`](Self::freeze), as the live update was called off at the last moment.
    fn unfreeze(file: &File, outgoing: <Self::Outgoing as ForeignOwnable>::BorrowedMut<'_>) {
        let _ = (file, outgoing);
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Makes the file anew from what the previous kernel saved.
    ///
    /// There is no second try: after an error, everybody who asks for this file gets the same one.
    fn retrieve(handle: kho::Handle) -> Result<ARef<File>>;

    /// Returns whether the file may be finished. If not, user space is told to try again.
    fn can_finish(incoming: &Incoming<'_>) -> bool {
        let _ = incoming;
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// The file is on its own from now on: nothing of it may depend on the live update any more.
    fn finish(incoming: Incoming<'_>);
}

/// How far a file got in the new kernel.
pub enum Incoming<'a> {
    /// Nobody asked for it. What the previous kernel saved is still there for the handler to take.
    Untouched(kho::Handle),
    /// [`Handler::retrieve`] made this file.
    Retrieved(&'a File),
    /// [`Handler::retrieve`] failed, and has used up the handle.
    Failed(Error),
}

impl<'a> Incoming<'a> {
    /// # Safety
    ///
    /// `args` must be what LUO passed to `can_finish` or `finish` of a Rust handler. The result
    /// must not be used past the callback, and its handle must not be taken in `can_finish`.
    unsafe fn from_args(args: &'a bindings::liveupdate_file_op_args) -> Self {
        match args.retrieve_status {
            // SAFETY: LUO passes what the previous kernel stored for this file, whose memory is
            // nobody else's. As `retrieve_callback()` has not run, there was no handle before,
            // except one of an earlier `can_finish`, which did not take it.
            0 => Self::Untouched(unsafe { kho::Handle::from_raw(args.serialized_data) }),
            status if status < 0 => Self::Failed(Error::from_errno(status)),
            // SAFETY: As below for other callbacks: LUO holds a reference on the file.
            _ => Self::Retrieved(unsafe { file(args) }),
        }
    }
}

/// Returns the file that a callback is about.
///
/// # Safety
///
/// `args` must be what LUO passed to a callback other than `retrieve`, and there must be a file.
unsafe fn file(args: &bindings::liveupdate_file_op_args) -> &File {
    // SAFETY: LUO holds a reference on the file while its callbacks run. No `fdget_pos()` without
    // the lock is going on: in `preserve` this thread is in another system call on another file,
    // and whoever shares the file with it takes the lock; later on, LUO is the one who shares it.
    unsafe { File::from_raw_file(args.file) }
}

/// The registration of a [`Handler`] with LUO.
///
/// # Invariants
///
/// The C structure is registered, with the `ops` and `compatible` of `H`.
#[pin_data(PinnedDrop)]
pub struct Registration<H: Handler> {
    #[pin]
    inner: Opaque<bindings::liveupdate_file_handler>,
    _handler: PhantomData<H>,
}

// SAFETY: A handler may be unregistered from any thread.
unsafe impl<H: Handler> Send for Registration<H> {}

// SAFETY: The methods that take `&self` only pass the address on to LUO, which locks.
unsafe impl<H: Handler> Sync for Registration<H> {}

impl<H: Handler> Registration<H> {
    const OPS: &'static bindings::liveupdate_file_ops = &bindings::liveupdate_file_ops {
        can_preserve: Some(Self::can_preserve_callback),
        preserve: Some(Self::preserve_callback),
        unpreserve: Some(Self::unpreserve_callback),
        freeze: if H::HAS_FREEZE {
            Some(Self::freeze_callback)
        } else {
            None
        },
        unfreeze: if H::HAS_UNFREEZE {
            Some(Self::unfreeze_callback)
        } else {
            None
        },
        retrieve: Some(Self::retrieve_callback),
        can_finish: if H::HAS_CAN_FINISH {
            Some(Self::can_finish_callback)
        } else {
            None
        },
        finish: Some(Self::finish_callback),
        owner: this_module::<H::OwnerModule>().as_ptr(),
        ..pin_init::zeroed()
    };

    /// Registers the handler.
    ///
    /// Fails with [`EEXIST`] if there is a handler of that name, and with [`EOPNOTSUPP`] if live
    /// updates are switched off.
    ///
    /// # Safety
    ///
    /// The registration must not be dropped while LUO holds a file of this handler.
    ///
    /// LUO holds a reference on [`Handler::OwnerModule`] for each of them. So this is true of a
    /// registration that belongs to the module, made as the last thing of its `init()` that can
    /// fail, and dropped by its exit. It is also true of one that is never dropped.
    pub unsafe fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            // INVARIANT: If the closure succeeds, the structure is registered, with what belongs
            // to `H` in it.
            inner <- Opaque::try_ffi_init(|slot: *mut bindings::liveupdate_file_handler| {
                // SAFETY: `slot` is valid for writes.
                unsafe {
                    slot.write(bindings::liveupdate_file_handler {
                        ops: Self::OPS,
                        compatible: const { compatible(H::COMPATIBLE) },
                        ..pin_init::zeroed()
                    })
                };

                // SAFETY: The structure was initialized just now. It is pinned, and the destructor
                // unregisters it before its memory is reused; by the safety requirements of this
                // function, LUO refers to it no longer than that.
                to_result(unsafe { bindings::liveupdate_register_file_handler(slot) })
            }),
            _handler: PhantomData,
        })
    }

    /// Returns the C structure.
    #[inline]
    pub fn as_raw(&self) -> *mut bindings::liveupdate_file_handler {
        self.inner.get()
    }

    /// # Safety
    ///
    /// To be called by LUO only, as the `can_preserve` of this handler.
    unsafe extern "C" fn can_preserve_callback(
        _handler: *mut bindings::liveupdate_file_handler,
        file: *mut bindings::file,
    ) -> bool {
        // SAFETY: LUO holds a reference on the file during the call. There is no `fdget_pos()`
        // without the lock, as explained for `file()`.
        H::can_preserve(unsafe { File::from_raw_file(file) })
    }

    /// # Safety
    ///
    /// To be called by LUO only, as the `preserve` of this handler.
    unsafe extern "C" fn preserve_callback(args: *mut bindings::liveupdate_file_op_args) -> c_int {
        // SAFETY: LUO passes arguments that it does not touch during the call.
        let args = unsafe { &mut *args };

        from_result(|| {
            // SAFETY: `args` came from LUO, with the file to preserve.
            let (data, outgoing) = H::preserve(unsafe { file(args) })?;

            args.serialized_data = data;
            args.private_data = outgoing.into_foreign();
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// To be called by LUO only, as the `unpreserve` of this handler.
    unsafe extern "C" fn unpreserve_callback(args: *mut bindings::liveupdate_file_op_args) {
        // SAFETY: LUO passes arguments that it does not touch during the call.
        let args = unsafe { &*args };
        // SAFETY: This is what `preserve_callback()` stored. LUO calls this once per preserve, as
        // the last callback, and forgets the pointer.
        let outgoing = unsafe { H::Outgoing::from_foreign(args.private_data) };

        // SAFETY: `args` came from LUO, with the file that is preserved.
        H::unpreserve(unsafe { file(args) }, outgoing);
    }

    /// # Safety
    ///
    /// To be called by LUO only, as the `freeze` of this handler.
    unsafe extern "C" fn freeze_callback(args: *mut bindings::liveupdate_file_op_args) -> c_int {
        // SAFETY: LUO passes arguments that it does not touch during the call.
        let args = unsafe { &*args };

        from_result(|| {
            // SAFETY: This is what `preserve_callback()` stored. LUO never runs two callbacks for
            // one file at the same time, and only callbacks borrow it.
            let outgoing = unsafe { H::Outgoing::borrow_mut(args.private_data) };

            // SAFETY: `args` came from LUO, with the file that is preserved.
            H::freeze(unsafe { file(args) }, outgoing).map(|()| 0)
        })
    }

    /// # Safety
    ///
    /// To be called by LUO only, as the `unfreeze` of this handler.
    unsafe extern "C" fn unfreeze_callback(args: *mut bindings::liveupdate_file_op_args) {
        // SAFETY: LUO passes arguments that it does not touch during the call.
        let args = unsafe { &*args };
        // SAFETY: As in `freeze_callback()`.
        let outgoing = unsafe { H::Outgoing::borrow_mut(args.private_data) };

        // SAFETY: `args` came from LUO, with the file that is preserved.
        H::unfreeze(unsafe { file(args) }, outgoing);
    }

    /// # Safety
    ///
    /// To be called by LUO only, as the `retrieve` of this handler.
    unsafe extern "C" fn retrieve_callback(args: *mut bindings::liveupdate_file_op_args) -> c_int {
        // SAFETY: LUO passes arguments that it does not touch during the call.
        let args = unsafe { &mut *args };

        from_result(|| {
            // SAFETY: LUO passes what the previous kernel stored for this file, whose memory is
            // nobody else's. It calls this once per file, and `Incoming` made no handle that was
            // taken before.
            let handle = unsafe { kho::Handle::from_raw(args.serialized_data) };
            let file = H::retrieve(handle)?;

            // The reference moves to LUO.
            args.file = file.as_ptr();
            mem::forget(file);
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// To be called by LUO only, as the `can_finish` of this handler.
    unsafe extern "C" fn can_finish_callback(args: *mut bindings::liveupdate_file_op_args) -> bool {
        // SAFETY: LUO passes arguments that it does not touch during the call. The handle cannot be
        // taken, as it is lent only.
        H::can_finish(&unsafe { Incoming::from_args(&*args) })
    }

    /// # Safety
    ///
    /// To be called by LUO only, as the `finish` of this handler.
    unsafe extern "C" fn finish_callback(args: *mut bindings::liveupdate_file_op_args) {
        // SAFETY: LUO passes arguments that it does not touch during the call, and calls this once
        // per file, as the last callback.
        H::finish(unsafe { Incoming::from_args(&*args) });
    }
}

#[pinned_drop]
impl<H: Handler> PinnedDrop for Registration<H> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariant, the handler is registered. By the safety requirements of
        // `new()`, LUO holds no file of it.
        unsafe { bindings::liveupdate_unregister_file_handler(self.inner.get()) }
    }
}
