//! Drives [`fuzz::cni_result`].
#![cfg_attr(fuzzing, no_main)]
fuzz::entry!(cni_result);
