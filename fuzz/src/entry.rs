//! What is around a target in an executable of its own.

use std::{env, fs};

use crate::Target;

/// Makes the crate an executable for a target: libFuzzer's under `cargo fuzz`, else one that replays files.
#[macro_export]
macro_rules! entry {
    ($target:ident) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|data: &[u8]| $crate::$target(data));

        #[cfg(not(fuzzing))]
        fn main() -> std::io::Result<()> {
            $crate::replay($crate::$target)
        }
    };
}

/// Runs `target` on each file named in the arguments.
pub fn replay(target: Target) -> std::io::Result<()> {
    for path in env::args_os().skip(1) {
        target(&fs::read(path)?);
    }
    Ok(())
}
