//! The CNI specification: versions, names, request configuration, arguments, results, errors.
//!
//! Pure: nothing here reads the environment, a file or a clock. Implements SPEC.md 0.1.0 to 1.1.0 of the Container
//! Network Interface; what an executable does with it is the business of `cni-plugin`.

mod args;
mod attachment;
mod config;
mod decode;
mod error;
mod mac;
mod name;
pub mod net;
mod result;
mod verb;
mod version;

pub use args::Args;
pub use attachment::Attachment;
pub use config::{Document, RequestConfig};
pub use decode::{decode, field, listed, quoted};
pub use error::{Code, Error};
pub use mac::MacAddr;
pub use name::{ContainerId, IfName, NetworkName};
pub use result::{AddResult, Dns, Interface, IpConfig, Route};
pub use verb::Verb;
pub use version::SpecVersion;
