// SPDX-License-Identifier: GPL-2.0

//! State that several preserved files share.
//!
//! LUO calls it File-Lifecycle-Bound (FLB). The life of such state, in the order of time:
//!
//! 1. In the old kernel, a file is preserved whose handler depends on the FLB. If it is the first
//!    one, LUO calls [`Flb::preserve`] just before the file's own callback. The FLB allocates its
//!    memory and returns the number that the next kernel gets, with the object that this kernel
//!    works on, now *outgoing*.
//! 2. More files come and go; LUO only counts. When the last one is unpreserved, it calls
//!    [`Flb::unpreserve`], and everything may start again from 1.
//! 3. In the reboot system call LUO writes down the number and the count. No callback tells the
//!    FLB.
//! 4. In the new kernel, somebody asks for the object with [`Static::get_incoming`]. At the first
//!    time LUO calls [`Flb::retrieve`] with the number, and keeps the object, now *incoming*. It
//!    keeps a failure, too: there is no second try.
//! 5. Every file that is finished gives back one count. With the last one LUO calls
//!    [`Flb::finish`]. From then on there is no incoming object, until the next live update.
//!
//! What LUO guarantees:
//!
//! - Callbacks of one direction never run at the same time as each other or as a request for the
//!   object of that direction: LUO holds a mutex of the FLB around all of them. They may sleep.
//!   They must not ask for the object of their own direction, nor take a lock that anybody holds
//!   while asking for it.
//! - [`Static::get_incoming`] works from `core_initcall` on, and before the FLB is registered with
//!   any handler: LUO finds the state of the previous kernel by [`Flb::COMPATIBLE`] alone.
//! - References count like files. One that is kept past the last file postpones `finish()`, and the
//!   one that is dropped last runs the callback in the context of the drop. Hence get the
//!   reference, use it, and drop it where both locks and time allow what `finish()` does.
//!
//! LUO exports none of this to modules: an FLB belongs to code that is built in.

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
/// A counter that the next kernel continues:
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
///     type Outgoing = KBox<kho::Preserved<u64>>;
///     type Incoming = KBox<kho::Restored<u64>>;
///
///     fn preserve() -> Result<(u64, Self::Outgoing)> {
///         let state = kho::Preserved::<u64>::zeroed(size_of::<u64>())?;
///
///         Ok((state.handle(), KBox::new(state, GFP_KERNEL)?))
///     }
///
///     fn retrieve(handle: kho::Handle) -> Result<Self::Incoming> {
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
    /// The name under which the next kernel looks for the state. It names the format as well.
    const COMPATIBLE: &'static CStr;

    /// What the old kernel works on, between [`preserve`](Self::preserve) and
    /// [`unpreserve`](Self::unpreserve).
    type Outgoing: ForeignOwnable + Send + Sync;

    /// What the new kernel works on, between [`retrieve`](Self::retrieve) and
    /// [`finish`](Self::finish).
    type Incoming: ForeignOwnable + Send + Sync;

    /// The first file that depends on the state is about to be preserved.
    ///
    /// The number is what [`retrieve`](Self::retrieve) gets in the next kernel, as a rule a
    /// [`kho::Preserved::handle`]. An error refuses the file.
    fn preserve() -> Result<(u64, Self::Outgoing)>;

    /// The last file that depends on the state was unpreserved.
    fn unpreserve(outgoing: Self::Outgoing) {
        drop(outgoing);
    }

    /// The incoming object is asked for, for the first time.
    ///
    /// Called at most once, and not at all if the previous kernel had no such state. If it fails,
    /// everybody who asks gets the same error, for as long as this kernel runs.
    fn retrieve(handle: kho::Handle) -> Result<Self::Incoming>;

    /// The last file that depends on the state was finished.
    fn finish(incoming: Self::Incoming) {
        drop(incoming);
    }
}

/// An [`Flb`] as LUO sees it. Make it a `static`.
///
/// # Invariants
///
/// The `ops` and `compatible` of the C structure are those of `F`; the rest is for LUO.
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
    /// Fails with [`EEXIST`] if they do already or another FLB has the name, [`ENOSPC`] if LUO has
    /// no room for one more, [`ENOMEM`], [`EOPNOTSUPP`] if live updates are switched off.
    ///
    /// # Safety
    ///
    /// `handler` must be registered with LUO for the whole call.
    pub unsafe fn register(
        &'static self,
        handler: *mut bindings::liveupdate_file_handler,
    ) -> Result {
        // SAFETY: `handler` is registered by the safety requirements of this function, and by the
        // type invariant the FLB is valid; it is `'static`.
        to_result(unsafe { bindings::liveupdate_register_flb(handler, self.as_raw()) })
    }

    /// Undoes [`register`](Self::register), as does the end of the handler's own registration.
    ///
    /// # Safety
    ///
    /// `handler` must be registered with LUO for the whole call, and none of its files preserved.
    pub unsafe fn unregister(&'static self, handler: *mut bindings::liveupdate_file_handler) {
        // SAFETY: As in `register()`.
        unsafe { bindings::liveupdate_unregister_flb(handler, self.as_raw()) }
    }

    /// Gets the object that the previous kernel's state became, and makes it at the first time.
    ///
    /// Fails with [`ENODATA`] if there was no live update or the object is finished, [`ENOENT`] if
    /// no such state was handed over, [`EOPNOTSUPP`] if live updates are switched off, and with the
    /// error of [`Flb::retrieve`].
    pub fn get_incoming(&'static self) -> Result<IncomingRef<F>> {
        let mut obj = ptr::null_mut();

        // SAFETY: By the type invariant, the C structure is valid; it is `'static`.
        to_result(unsafe { bindings::liveupdate_flb_get_incoming(self.as_raw(), &mut obj) })?;

        // INVARIANT: LUO just counted a reference for us, and `obj` is what `retrieve_callback()`
        // stored, as LUO calls no other to make one.
        Ok(IncomingRef { flb: self, obj })
    }

    /// # Safety
    ///
    /// To be called by LUO only, as the `preserve` of this FLB.
    unsafe extern "C" fn preserve_callback(args: *mut bindings::liveupdate_flb_op_args) -> c_int {
        from_result(|| {
            let (data, outgoing) = F::preserve()?;

            // SAFETY: LUO passes arguments that it does not touch during the call.
            unsafe {
                (*args).data = data;
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
        // calls this once per preserve, when there is no reference left, and forgets the `obj`.
        F::unpreserve(unsafe { F::Outgoing::from_foreign((*args).obj) });
    }

    /// # Safety
    ///
    /// To be called by LUO only, as the `retrieve` of this FLB.
    unsafe extern "C" fn retrieve_callback(args: *mut bindings::liveupdate_flb_op_args) -> c_int {
        from_result(|| {
            // SAFETY: LUO passes valid arguments. `data` is what the previous kernel stored for the
            // FLB of this name, whose memory is nobody else's. LUO calls this only once.
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
        // calls this once, when there is no reference left, and forgets the `obj`.
        F::finish(unsafe { F::Incoming::from_foreign((*args).obj) });
    }
}

/// A reference to an incoming object. Counts like a file that is not finished.
///
/// # Invariants
///
/// LUO counts a reference on the incoming object of `flb` for this value. `obj` is that object, as
/// made by `<F::Incoming as ForeignOwnable>::into_foreign()`.
#[must_use = "the reference is given back at once when it is unused"]
pub struct IncomingRef<F: Flb> {
    flb: &'static Static<F>,
    obj: *mut c_void,
}

impl<F: Flb> IncomingRef<F> {
    /// Borrows the object.
    pub fn get(&self) -> <F::Incoming as ForeignOwnable>::Borrowed<'_> {
        // SAFETY: By the type invariants, `obj` came from `into_foreign()`; LUO does not give it to
        // `finish_callback()` while the reference is counted, and only hands out shared borrows.
        unsafe { F::Incoming::borrow(self.obj) }
    }
}

impl<F: Flb> Drop for IncomingRef<F> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants, there is a reference to give back.
        unsafe { bindings::liveupdate_flb_put_incoming(self.flb.as_raw()) }
    }
}
