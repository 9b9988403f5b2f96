//! Refusals, as the API words them.

use serde_json::{Value, json};

/// Why a request was refused; the API's `Status` object.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Status {
    /// What kind of refusal it is; it decides the HTTP code.
    pub reason: Reason,
    /// For people, worded as the real server does.
    pub message: String,
    /// `details`, such as name, kind and causes; null for none.
    pub details: Value,
}

macro_rules! reasons {
    (@name $name:ident) => { stringify!($name) };
    (@name $name:ident $text:literal) => { $text };
    ($($(#[doc = $doc:literal])* $name:ident $(as $text:literal)? = $code:literal)*) => {
        /// A kind of refusal.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[doc = $doc])* $name,)*
        }

        impl Reason {
            /// Its name in the API.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => reasons!(@name $name $($text)?),)* }
            }

            /// Its HTTP code.
            #[must_use]
            pub const fn code(self) -> u16 {
                match self { $(Self::$name => $code,)* }
            }
        }
    };
}

reasons! {
    /// The request makes no sense.
    BadRequest = 400
    /// Nobody known asks.
    Unauthorized = 401
    /// Not allowed, by RBAC or by admission.
    Forbidden = 403
    /// No such object or resource.
    NotFound = 404
    /// Not with this resource.
    MethodNotAllowed = 405
    /// None of the asked for encodings.
    NotAcceptable = 406
    /// An object of that name is there.
    AlreadyExists = 409
    /// Somebody else changed it meanwhile, or another field manager owns a field.
    Conflict = 409
    /// The resourceVersion or continue token is too old; list again.
    Expired = 410
    /// A body in an encoding that is not understood.
    UnsupportedMediaType = 415
    /// The object breaks a rule of its kind.
    Invalid = 422
    /// A mutating policy could not be applied: called as an invalid object is, with the code of a forbidden one.
    Unmutated as "Invalid" = 403
    /// Too many requests.
    TooManyRequests = 429
    /// A fault of the server, or of a webhook that it asked.
    InternalError = 500
    /// A fault that has no name in the API.
    Unknown = 500
    /// Not at present.
    ServiceUnavailable = 503
    /// Nobody answered in time.
    Timeout = 504
}

impl Status {
    /// A refusal without details.
    #[must_use]
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            details: Value::Null,
        }
    }

    /// The object that goes into the answer's body.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.reason.code(),
        });
        if self.reason != Reason::Unknown {
            status["reason"] = self.reason.name().into();
        }
        if !self.details.is_null() {
            status["details"] = self.details.clone();
        }
        status
    }
}
