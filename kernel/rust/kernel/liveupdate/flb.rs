// SPDX-License-Identifier: GPL-2.0

//! State that several preserved files share.
//!
//! LUO calls it File-Lifecycle-Bound (FLB). The life of such state, in the order of time:
//!
//! 1. In the old kernel, a file is preserved whose handler depends on the FLB. If it is the first
//!    one, LUO calls [`Flb::preserve`] before the file's own callback. The FLB allocates its memory
//!    and returns the address of it, together with the object that this kernel works on, which is
//!    now *outgoing*.
//! 2. LUO counts the files that depend on the FLB. When the last one is unpreserved, it calls
//!    [`Flb::unpreserve`], and everything may start again from 1.
//! 3. In the reboot system call, LUO saves the address and the count. There is no callback for it.
//! 4. In the new kernel, the first [`Static::get_incoming`] makes LUO call [`Flb::retrieve`] with
//!    the address. LUO keeps the object, which is now *incoming*. It also keeps an error: retrieve
//!    is never called twice.
//! 5. Every file that is finished puts one count. With the last one LUO calls [`Flb::finish`]. From
//!    then on there is no incoming object, until the next live update.
//!
//! Context:
//!
//! - The callbacks of one direction are serialized by a mutex of the FLB, as is getting the object
//!   of that direction. They may sleep. They must not get the object of their own direction, nor
//!   take a lock that is held while somebody gets it.
//! - [`Static::get_incoming`] can be called from `core_initcall` on, and before the FLB is
//!   registered with any handler: LUO finds the state of the previous kernel by
//!   [`Flb::COMPATIBLE`].
//! - A reference to the incoming object counts like a file. The last put runs [`Flb::finish`] in
//!   its own context, so references must be dropped where that is possible.
//!
//! LUO does not export FLBs to modules: an FLB is implemented by built-in code.

use super::compatible;
use crate::{
    bindings,
    error::{
        from_result,
        to_result, //
    },
    kho,
    module::this_module,
    prelude::*,
    types::{
        ForeignOwnable,
        Opaque, //
    }, //
};
use core::{
    marker::PhantomData,
    ptr, //
};

/// State that is preserved together with the files that depend on it.
///
/// See the [module documentation](self) for when the methods are called. Code without a `module!`
/// declaration must provide the `LocalModule` that [`#[vtable]`](vtable) refers to.
///
/// # Examples
///
/// A counter that the next kernel continues to use:
///
/// ```
/// use kernel::{
///     kho,
///     liveupdate::flb::{
///         Flb,
///         Static, //
///     },
/// };
///
/// struct Counter;
///
/// #[vtable]
/// impl Flb for Counter {
///     const COMPATIBLE: &'static CStr = c"rust-doctest-counter-v1";
///
///     type Access = kho::Cpu;
///     type Outgoing = KBox<kho::Preserved<u64>>;
///     type Incoming = KBox<kho::Restored<u64>>;
///
///     fn preserve() -> Result<(kho::Address<kho::Cpu>, Self::Outgoing)> {
///         let state = kho::Preserved::<u64>::zeroed(size_of::<u64>())?;
///
///         Ok((state.address(), KBox::new(state, GFP_KERNEL)?))
///     }
///
///     fn retrieve(handle: kho::Handle<kho::Cpu>) -> Result<Self::Incoming> {
///         Ok(KBox::new(kho::Restored::take(handle)?, GFP_KERNEL)?)
///     }
/// }
///
/// static COUNTER: Static<Counter> = Static::new();
///
/// // The previous kernel did not preserve a counter, or there was none.
/// let error = COUNTER.get_incoming().err();
///
/// assert!(error == Some(ENODATA) || error == Some(ENOENT) || error == Some(EOPNOTSUPP));
/// # Ok::<(), Error>(())
/// ```
#[vtable]
pub trait Flb: Sized + 'static {
    /// The name by which the next kernel finds the state. It also names the format.
    const COMPATIBLE: &'static CStr;

    /// Who accesses the preserved memory. This is a part of the format.
    type Access: kho::Access;

    /// What the old kernel works on, between [`preserve`](Self::preserve) and
    /// [`unpreserve`](Self::unpreserve).
    type Outgoing: ForeignOwnable + Send + Sync;

    /// What the new kernel works on, between [`retrieve`](Self::retrieve) and
    /// [`finish`](Self::finish).
    type Incoming: ForeignOwnable + Send + Sync;

    /// Preserves the state, as the first file that depends on it is about to be preserved.
    ///
    /// [`retrieve`](Self::retrieve) gets the address in the next kernel. The memory must stay
    /// preserved until [`unpreserve`](Self::unpreserve). On an error, the file is not preserved.
    fn preserve() -> Result<(kho::Address<Self::Access>, Self::Outgoing)>;

    /// Undoes [`preserve`](Self::preserve), as the last file that depends on the state was
    /// unpreserved.
    fn unpreserve(outgoing: Self::Outgoing) {
        drop(outgoing);
    }

    /// Restores the state of the previous kernel.
    ///
    /// Called once, or never if the previous kernel preserved no such state. If it fails,
    /// [`Static::get_incoming`] returns the error from then on.
    fn retrieve(handle: kho::Handle<Self::Access>) -> Result<Self::Incoming>;

    /// Releases the state, as the last file that depends on it was finished.
    fn finish(incoming: Self::Incoming) {
        drop(incoming);
    }
}

/// An [`Flb`] as LUO sees it. Make it a `static`.
///
/// # Invariants
///
/// The `ops` and `compatible` of the C structure are those of `F`; the rest belongs to LUO.
#[repr(transparent)]
pub struct Static<F: Flb> {
    inner: Opaque<bindings::liveupdate_flb>,
    _flb: PhantomData<F>,
}

// SAFETY: LUO protects its part of the structure by locks, nobody changes the other part, and the
// objects that LUO keeps in it are `Send` and `Sync`.
unsafe impl<F: Flb> Sync for Static<F> {}

impl<F: Flb> Static<F> {
    const OPS: &'static bindings::liveupdate_flb_ops = &bindings::liveupdate_flb_ops {
        preserve: Some(Self::preserve_callback),
        unpreserve: Some(Self::unpreserve_callback),
        retrieve: Some(Self::retrieve_callback),
        finish: Some(Self::finish_callback),
        owner: this_module::<F::OwnerModule>().as_ptr(),
    };

    /// Creates the structure.
    #[expect(clippy::new_without_default)]
    pub const fn new() -> Self {
        // INVARIANT: `ops` and `compatible` are made from `F`; LUO initializes the zeroed rest
        // when it first sees the structure.
        Self {
            inner: Opaque::new(bindings::liveupdate_flb {
                ops: Self::OPS,
                compatible: const { compatible(F::COMPATIBLE) },
                ..pin_init::zeroed()
            }),
            _flb: PhantomData,
        }
    }

    /// Returns the C structure.
    #[inline]
    pub fn as_raw(&'static self) -> *mut bindings::liveupdate_flb {
        self.inner.get()
    }

    /// Makes the files of a handler depend on the state.
    ///
    /// To be called before the handler itself is registered, so that there are no files of it yet.
    ///
    /// Fails with [`EBUSY`] if files of the handler are preserved, [`EEXIST`] if they depend on the
    /// state already or another FLB has the name, [`ENOSPC`] if LUO has no room for another FLB,
    /// [`ENOMEM`], and [`EOPNOTSUPP`] if live update is disabled.
    ///
    /// # Safety
    ///
    /// `handler` must point to a handler that is registered with LUO, or is about to be. LUO refers
    /// to the FLB until [`unregister`](Self::unregister), or until the handler is unregistered.
    pub unsafe fn register(
        &'static self,
        handler: *mut bindings::liveupdate_file_handler,
    ) -> Result {
        // SAFETY: `handler` is valid by the safety requirements of this function, and by the type
        // invariant the FLB is; it is `'static`.
        to_result(unsafe { bindings::liveupdate_register_flb(handler, self.as_raw()) })
    }

    /// Undoes [`register`](Self::register). Unregistering the handler does so, too.
    ///
    /// LUO warns, and the files depend on the state as before, if any of them is preserved.
    ///
    /// # Safety
    ///
    /// The FLB must be registered with `handler`.
    pub unsafe fn unregister(&'static self, handler: *mut bindings::liveupdate_file_handler) {
        // SAFETY: By the safety requirements of this function, `handler` is valid, and the FLB is
        // registered with it.
        unsafe { bindings::liveupdate_unregister_flb(handler, self.as_raw()) }
    }

    /// Gets a reference to the incoming object, which is retrieved if it was not before.
    ///
    /// Fails with [`ENODATA`] if there was no live update or the object is finished, [`ENOENT`] if
    /// the previous kernel preserved no such state, [`EOPNOTSUPP`] if live update is disabled, and
    /// with the error of [`Flb::retrieve`].
    pub fn get_incoming(&'static self) -> Result<IncomingRef<F>> {
        let mut obj = ptr::null_mut();

        // SAFETY: By the type invariant, the C structure is valid; it is `'static`.
        to_result(unsafe { bindings::liveupdate_flb_get_incoming(self.as_raw(), &mut obj) })?;

        // INVARIANT: LUO counted a reference for us. `obj` is what `retrieve_callback()` stored.
        Ok(IncomingRef { flb: self, obj })
    }

    /// # Safety
    ///
    /// To be called by LUO only, as the `preserve` of this FLB.
    unsafe extern "C" fn preserve_callback(args: *mut bindings::liveupdate_flb_op_args) -> c_int {
        from_result(|| {
            let (address, outgoing) = F::preserve()?;

            // SAFETY: LUO passes arguments that it does not touch during the call.
            unsafe {
                (*args).data = address.as_raw();
                (*args).obj = outgoing.into_foreign();
            }
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// To be called by LUO only, as the `unpreserve` of this FLB.
    unsafe extern "C" fn unpreserve_callback(args: *mut bindings::liveupdate_flb_op_args) {
        // SAFETY: LUO passes valid arguments, with the `obj` that `preserve_callback()` stored. It
        // calls this once per preserve, when there is no reference left, and drops the `obj`.
        F::unpreserve(unsafe { F::Outgoing::from_foreign((*args).obj) });
    }

    /// # Safety
    ///
    /// To be called by LUO only, as the `retrieve` of this FLB.
    unsafe extern "C" fn retrieve_callback(args: *mut bindings::liveupdate_flb_op_args) -> c_int {
        from_result(|| {
            // SAFETY: LUO passes valid arguments. `data` is what the previous kernel stored for the
            // FLB of this name, which owns the memory, accessed as the format says. LUO calls this
            // only once.
            let handle = unsafe { kho::Handle::from_raw((*args).data) };
            let incoming = F::retrieve(handle)?;

            // SAFETY: LUO does not touch the arguments during the call.
            unsafe { (*args).obj = incoming.into_foreign() };
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// To be called by LUO only, as the `finish` of this FLB.
    unsafe extern "C" fn finish_callback(args: *mut bindings::liveupdate_flb_op_args) {
        // SAFETY: LUO passes valid arguments, with the `obj` that `retrieve_callback()` stored. It
        // calls this once, when there is no reference left, and drops the `obj`.
        F::finish(unsafe { F::Incoming::from_foreign((*args).obj) });
    }
}

/// A reference to an incoming object. It counts like a file that is not finished.
///
/// # Invariants
///
/// LUO counts a reference on the incoming object of `flb` for this value. `obj` is that object, as
/// made by `<F::Incoming as ForeignOwnable>::into_foreign()`.
#[must_use = "the reference is put at once if it is unused"]
pub struct IncomingRef<F: Flb> {
    flb: &'static Static<F>,
    obj: *mut c_void,
}

impl<F: Flb> IncomingRef<F> {
    /// Borrows the object.
    pub fn get(&self) -> <F::Incoming as ForeignOwnable>::Borrowed<'_> {
        // SAFETY: By the type invariants, `obj` came from `into_foreign()`; LUO does not pass it to
        // `finish_callback()` while the reference is counted, and all borrows are shared.
        unsafe { F::Incoming::borrow(self.obj) }
    }
}

impl<F: Flb> Drop for IncomingRef<F> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants, there is a reference to put.
        unsafe { bindings::liveupdate_flb_put_incoming(self.flb.as_raw()) }
    }
}
