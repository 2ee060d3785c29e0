//! What a plugin is asked, and what it must be able to answer.

use std::path::{Path, PathBuf};

use cni::{
    AddResult, Args, Attachment, ContainerId, Error, IfName, RequestConfig, SpecVersion, Verb,
};

/// One request of a runtime, checked.
#[derive(Clone, Debug)]
pub struct Call {
    /// The operation.
    pub verb: Verb,
    /// What stdin says.
    pub config: RequestConfig,
    /// `CNI_ARGS`.
    pub args: Args,
    /// `CNI_PATH`: the directories with plugins; empty if the runtime names none.
    pub path: Vec<PathBuf>,
}

/// A plugin: one implementation for each executable.
///
/// Each operation is called only with what the specification demands for it already checked, and never for a version
/// that does not have it.
pub trait Plugin {
    /// Returns the name of the executable.
    fn name(&self) -> &'static str;

    /// Returns the supported versions, oldest first.
    fn versions(&self) -> &'static [SpecVersion] {
        &SpecVersion::ALL
    }

    /// Makes the attachment, or leaves nothing behind.
    fn add(&self, call: &Call, attachment: &Attachment, netns: &Path) -> Result<AddResult, Error>;

    /// Takes away whatever is left of the attachment; what is gone already is no error.
    ///
    /// The namespace may be unnamed, gone, or a plain file that was one. It is none if it is the plugin's own.
    fn del(&self, call: &Call, attachment: &Attachment, netns: Option<&Path>) -> Result<(), Error>;

    /// Compares the attachment with what ADD promised and changes nothing.
    fn check(&self, call: &Call, attachment: &Attachment, netns: &Path) -> Result<(), Error>;

    /// Says whether an ADD could be served.
    fn status(&self, call: &Call) -> Result<(), Error>;

    /// Frees what belongs to attachments of the network that are not in `valid`.
    fn gc(&self, call: &Call, valid: &[(ContainerId, IfName)]) -> Result<(), Error>;
}
