//! Drives [`fuzz::cni_args`].
#![cfg_attr(fuzzing, no_main)]
fuzz::entry!(cni_args);
