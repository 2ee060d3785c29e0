//! Servers' oddities, and what comes of each: a working pod, or an error that says what is wrong.
//!
//! Each module is a table: a name, what the server sends, and what is expected. A route is written as `ip route` would:
//! `10.0.0.0/8 via 192.168.50.1 onlink`.

mod exchange;
mod message;
mod outcome;
mod renewal;
mod routes;
mod server;

/// Makes a test of each line.
macro_rules! cases {
    ($($name:ident: $script:expr => $outcome:expr;)*) => {
        $(
            #[test]
            fn $name() {
                $crate::awkward_servers::outcome::hold($script, $outcome);
            }
        )*
    };
}
use cases;
