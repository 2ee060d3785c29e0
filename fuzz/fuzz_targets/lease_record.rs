//! Drives [`fuzz::lease_record`].
#![cfg_attr(fuzzing, no_main)]
fuzz::entry!(lease_record);
