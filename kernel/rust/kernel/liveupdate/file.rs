// SPDX-License-Identifier: GPL-2.0

//! Files that are preserved for the next kernel.
//!
//! The life of such a file, in the order of time:
//!
//! 1. Old kernel: user space passes a file descriptor to a session. LUO asks the registered
//!    handlers in turn whether they support the file ([`Handler::can_preserve`]), and the first one
//!    that does saves it ([`Handler::preserve`]). The handler returns the address of what it saved,
//!    and an object that LUO keeps. From now on LUO holds a reference on the file and one on the
//!    handler's module.
//! 2. If user space closes the session, the handler gets the object back ([`Handler::unpreserve`]).
//! 3. Otherwise user space calls `reboot()`. The handler saves what has changed since
//!    ([`Handler::freeze`]); user space can no longer change anything. If a handler fails, so does
//!    `reboot()`, and the files that were frozen before are unfrozen ([`Handler::unfreeze`]).
//! 4. New kernel: `/dev/liveupdate` is opened for the first time, and LUO looks up the handlers of
//!    all files by [`Handler::COMPATIBLE`]. A handler that is registered later is never found.
//! 5. User space retrieves the file, and the handler recreates it ([`Handler::retrieve`]). LUO
//!    calls this once per file, unless the handler asks to be called again, and holds a reference
//!    on the new file. User space may retrieve it again ([`Handler::retrieve_again`]).
//! 6. User space finishes the session. If all handlers agree ([`Handler::can_finish`]), they clean
//!    up ([`Handler::finish`]), and LUO drops its references on the file and the module. This also
//!    happens to files that were not retrieved, see [`Incoming`].
//!
//! Context: the callbacks for one file are serialized. They may sleep. They run in the context of
//! the process that made the request, with locks of LUO held, and must not wait for anything that
//! may wait for LUO, such as the last close of a preserved file.

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
    mem,
    ops::Deref, //
};

/// The callbacks for a type of files that can be preserved.
///
/// See the [module documentation](self) for when the methods are called, and the sample
/// [`rust_driver_pci_liveupdate.rs`] for a whole driver.
///
/// [`rust_driver_pci_liveupdate.rs`]: srctree/samples/rust/rust_driver_pci_liveupdate.rs
#[vtable]
pub trait Handler: Sized + 'static {
    /// The name by which the next kernel finds the handler. It also names the format.
    const COMPATIBLE: &'static CStr;

    /// Who accesses the preserved memory. This is a part of the format.
    type Access: kho::Access;

    /// What the old kernel keeps for a file, between [`preserve`](Self::preserve) and
    /// [`unpreserve`](Self::unpreserve).
    type Outgoing: ForeignOwnable + Send;

    /// Returns whether the handler supports the file.
    ///
    /// Called for files of all types, so it must be lightweight, and assume nothing about `file`.
    fn can_preserve(file: &File) -> bool;

    /// Saves the file, which stays in use.
    ///
    /// [`retrieve`](Self::retrieve) gets the address in the next kernel. The memory must stay
    /// preserved until [`unpreserve`](Self::unpreserve).
    fn preserve(file: &File) -> Result<(kho::Address<Self::Access>, Self::Outgoing)>;

    /// Undoes [`preserve`](Self::preserve), as the live update was cancelled for this file.
    fn unpreserve(file: &File, outgoing: Self::Outgoing) {
        let _ = file;
        drop(outgoing);
    }

    /// Saves what has changed since [`preserve`](Self::preserve). An error cancels the live update.
    fn freeze(
        file: &File,
        outgoing: <Self::Outgoing as ForeignOwnable>::BorrowedMut<'_>,
    ) -> Result {
        let _ = (file, outgoing);
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Undoes [`freeze`](Self::freeze), as the live update was cancelled after it.
    fn unfreeze(file: &File, outgoing: <Self::Outgoing as ForeignOwnable>::BorrowedMut<'_>) {
        let _ = (file, outgoing);
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Recreates the file from what the previous kernel saved.
    ///
    /// If it fails, user space gets the same error whenever it retrieves the file again, unless the
    /// error is [`NotRetrieved::Retry`].
    fn retrieve(
        handle: kho::Handle<Self::Access>,
    ) -> Result<ARef<File>, NotRetrieved<Self::Access>>;

    /// Decides whether a file that was retrieved before may be handed out to the calling process.
    ///
    /// This is for what depends on the process, such as its capabilities. An error is not
    /// remembered. Without this method, everybody who has the session gets the file.
    fn retrieve_again(file: &File) -> Result {
        let _ = file;
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Returns whether the file may be finished. If not, user space gets [`EBUSY`].
    ///
    /// LUO calls this for all files of a session before it finishes any of them, and may call it
    /// again if another file is not ready. A device whose file was not retrieved must be stopped
    /// here: the memory that it writes to may belong to a file that is finished earlier.
    fn can_finish(incoming: &Incoming<'_, Self::Access>) -> bool {
        let _ = incoming;
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Releases everything that was kept for the live update.
    ///
    /// `finish` is for subsystems that count files: one call of this method puts one count.
    fn finish(incoming: Incoming<'_, Self::Access>, finish: Finish<'_>);
}

/// Why [`Handler::retrieve`] returned no file.
pub enum NotRetrieved<A: kho::Access> {
    /// It cannot be done yet. Nothing was consumed, and the handle is given back.
    ///
    /// User space gets the error, and may try again. Until then the file counts as
    /// [`Incoming::Untouched`].
    Retry(Error, kho::Handle<A>),
    /// It can never be done. The handle was consumed.
    Failed(Error),
}

impl<A: kho::Access> From<Error> for NotRetrieved<A> {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// A file that [`Handler::retrieve`] returned.
pub struct RetrievedFile<'a> {
    file: &'a File,
    in_use: bool,
}

impl RetrievedFile<'_> {
    /// Returns whether somebody besides LUO holds the file, in [`Handler::can_finish`].
    ///
    /// Whoever holds it may let go of it at any time. If nobody does, it stays so until the
    /// callback returns.
    pub fn in_use(&self) -> bool {
        self.in_use
    }
}

impl Deref for RetrievedFile<'_> {
    type Target = File;

    fn deref(&self) -> &File {
        self.file
    }
}

/// What has become of a preserved file in the new kernel.
pub enum Incoming<'a, A: kho::Access> {
    /// [`Handler::retrieve`] was not called, or has consumed nothing. What the previous kernel
    /// saved can be taken over.
    Untouched(kho::Handle<A>),
    /// [`Handler::retrieve`] returned this file.
    Retrieved(RetrievedFile<'a>),
    /// [`Handler::retrieve`] failed with `error`. It consumed the handle for `address`.
    Failed {
        /// What it returned.
        error: Error,
        /// What [`kho::Handle::as_raw`] returned.
        address: u64,
    },
}

/// Proof that LUO is finishing a file.
///
/// It can be neither made nor copied outside of LUO's callback, so that whatever consumes it is
/// done at most once per file.
pub struct Finish<'a>(PhantomData<&'a ()>);

impl<'a, A: kho::Access> Incoming<'a, A> {
    /// # Safety
    ///
    /// `args` must be what LUO passed to `can_finish` or `finish` of a Rust handler with this `A`.
    /// The result must not be used after the callback, and its handle must not be consumed in
    /// `can_finish`.
    unsafe fn from_args(args: &'a bindings::liveupdate_file_op_args) -> Self {
        match args.retrieve_status {
            // SAFETY: LUO passes what the previous kernel stored for this file, which owns the
            // memory, accessed as the format says. By the status, no `retrieve_callback()` has
            // consumed a handle before, and `can_finish` never does.
            0 => Self::Untouched(unsafe { kho::Handle::from_raw(args.serialized_data) }),
            status if status < 0 => Self::Failed {
                error: Error::from_errno(status),
                address: args.serialized_data,
            },
            _ => Self::Retrieved(RetrievedFile {
                // SAFETY: As for other callbacks: LUO holds a reference on the file.
                file: unsafe { file(args) },
                in_use: args.in_use,
            }),
        }
    }
}

/// Returns the file of a callback.
///
/// # Safety
///
/// `args` must be what LUO passed to a callback other than `retrieve`, and there must be a file.
unsafe fn file(args: &bindings::liveupdate_file_op_args) -> &File {
    // SAFETY: LUO holds a reference on the file while its callbacks run. There is no `fdget_pos()`
    // on it without the lock: in `preserve` this thread is in a system call on another file, and
    // other threads that share the file take the lock; later on, LUO itself shares the file.
    unsafe { File::from_raw_file(args.file) }
}

/// The registration of a [`Handler`] with LUO.
///
/// # Invariants
///
/// The C structure is registered, with `ops` and `compatible` of `H`.
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
        retrieve_again: if H::HAS_RETRIEVE_AGAIN {
            Some(Self::retrieve_again_callback)
        } else {
            None
        },
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
    /// update is disabled.
    ///
    /// # Safety
    ///
    /// The registration must not be dropped while LUO holds a file of this handler.
    ///
    /// LUO holds a reference on [`Handler::OwnerModule`] for each of them. So the requirement is
    /// met if the module owns the registration, creates it as the last step of its `init()` that
    /// can fail, and drops it on exit. It is also met if the registration is never dropped.
    pub unsafe fn new() -> impl PinInit<Self, Error> {
        // SAFETY: By the safety requirements of this function; there are no FLBs.
        unsafe { Self::with_flbs(|_| Ok(()), |_| ()) }
    }

    /// Registers FLBs with the handler by `register`, and then the handler.
    ///
    /// No file of the handler is preserved before the FLBs are registered. If the handler cannot be
    /// registered, `unregister` undoes what `register` did. Unregistering the handler unregisters
    /// its FLBs.
    ///
    /// # Safety
    ///
    /// As for [`new`](Self::new). Unless it fails, `register` must leave nothing behind but FLBs
    /// that are registered with the handler, and `unregister` must undo that.
    pub(crate) unsafe fn with_flbs(
        register: impl FnOnce(*mut bindings::liveupdate_file_handler) -> Result,
        unregister: impl FnOnce(*mut bindings::liveupdate_file_handler),
    ) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            // INVARIANT: If the closure succeeds, the structure is registered, with `ops` and
            // `compatible` of `H`.
            inner <- Opaque::try_ffi_init(move |slot: *mut bindings::liveupdate_file_handler| {
                // SAFETY: `slot` is valid for writes.
                unsafe {
                    slot.write(bindings::liveupdate_file_handler {
                        ops: Self::OPS,
                        compatible: const { compatible(H::COMPATIBLE) },
                        ..pin_init::zeroed()
                    })
                };

                register(slot)?;
                // SAFETY: The structure is initialized. It is pinned, and the destructor
                // unregisters it before its memory is reused; by the safety requirements of this
                // function, LUO does not refer to it for longer than that.
                to_result(unsafe { bindings::liveupdate_register_file_handler(slot) })
                    .inspect_err(|_| unregister(slot))
            }),
            _handler: PhantomData,
        })
    }

    /// # Safety
    ///
    /// To be called by LUO only, as the `can_preserve` of this handler.
    unsafe extern "C" fn can_preserve_callback(
        _handler: *mut bindings::liveupdate_file_handler,
        file: *mut bindings::file,
    ) -> bool {
        // SAFETY: LUO holds a reference on the file during the call. There is no `fdget_pos()` on
        // it without the lock, as explained in `file()`.
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
            let (address, outgoing) = H::preserve(unsafe { file(args) })?;

            args.serialized_data = address.as_raw();
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
        // the last callback, and drops the pointer.
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
            // SAFETY: LUO passes what the previous kernel stored for this file, which owns the
            // memory, accessed as the format says. It calls this once per file, or again if an
            // earlier call gave the handle back; none in an `Incoming` was consumed before.
            let handle = unsafe { kho::Handle::from_raw(args.serialized_data) };
            let file = H::retrieve(handle).map_err(|err| match err {
                NotRetrieved::Failed(error) => error,
                NotRetrieved::Retry(error, _handle) => {
                    args.can_retry = true;
                    error
                }
            })?;

            // The reference moves to LUO.
            args.file = file.as_ptr();
            mem::forget(file);
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// To be called by LUO only, as the `retrieve_again` of this handler.
    unsafe extern "C" fn retrieve_again_callback(
        args: *mut bindings::liveupdate_file_op_args,
    ) -> c_int {
        // SAFETY: LUO passes arguments that it does not touch during the call, with the file that
        // `retrieve_callback()` returned.
        from_result(|| H::retrieve_again(unsafe { file(&*args) }).map(|()| 0))
    }

    /// # Safety
    ///
    /// To be called by LUO only, as the `can_finish` of this handler.
    unsafe extern "C" fn can_finish_callback(args: *mut bindings::liveupdate_file_op_args) -> bool {
        // SAFETY: LUO passes arguments that it does not touch during the call. The handle is not
        // consumed, as it is only borrowed.
        H::can_finish(&unsafe { Incoming::from_args(&*args) })
    }

    /// # Safety
    ///
    /// To be called by LUO only, as the `finish` of this handler.
    unsafe extern "C" fn finish_callback(args: *mut bindings::liveupdate_file_op_args) {
        // SAFETY: LUO passes arguments that it does not touch during the call, and calls this once
        // per file, as the last callback.
        let incoming = unsafe { Incoming::from_args(&*args) };

        H::finish(incoming, Finish(PhantomData));
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
