//! Drives [`fuzz::cni_config`].
#![cfg_attr(fuzzing, no_main)]
fuzz::entry!(cni_config);
