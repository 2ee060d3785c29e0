//! The table.

use std::fmt::Write;
use std::time::Duration;

use crate::contender::VERBS;
use crate::measure::{Column, Measured};
use crate::options::Options;
use crate::statistics::Summary;

/// Renders the figures: times in microseconds, and how many times as long the Go plugins took.
pub(crate) fn render(measured: &[Measured], options: &Options) -> String {
    let mut text = format!("ours       {}\n", options.ours.display());
    if let Some(reference) = &options.reference {
        let _ = writeln!(text, "reference  {}", reference.display());
    }
    text.push_str("wall: median (p10-p90) from exec to exit; cpu: mean of the process and its children; microseconds\n");
    for network in measured {
        let _ = writeln!(text, "\n{}, {} rounds", network.network, network.rounds);
        let _ = writeln!(
            text,
            "{:8}{:>26}{:>8}{:>28}{:>8}{:>14}",
            "", "ours wall", "cpu", "reference wall", "cpu", "ours is"
        );
        for (at, verb) in VERBS.into_iter().enumerate() {
            let of = |column: &Column| column.verbs.get(at).copied();
            if let Some(ours) = of(&network.ours) {
                let reference = network.reference.as_ref().and_then(of);
                row(&mut text, verb, ours, reference);
            }
        }
        let daemon = |column: &Column| column.daemon_cpu.map(micros);
        if let Some(ours) = daemon(&network.ours) {
            let reference = network
                .reference
                .as_ref()
                .and_then(daemon)
                .map_or(String::new(), |cpu| format!(", reference {cpu}"));
            let _ = writeln!(text, "daemon cpu for a round: ours {ours}{reference}");
        }
    }
    text
}

fn row(text: &mut String, verb: &str, ours: Summary, reference: Option<Summary>) {
    let _ = write!(text, "{verb:8}{:>26}{:>8}", wall(ours), micros(ours.cpu));
    if let Some(reference) = reference {
        let ratio = times(ours.median, reference.median);
        let cpu_ratio = times(ours.cpu, reference.cpu);
        let _ = write!(
            text,
            "{:>28}{:>8}   {ratio:.3} wall, {cpu_ratio:.3} cpu",
            wall(reference),
            micros(reference.cpu)
        );
    }
    text.push('\n');
}

fn wall(summary: Summary) -> String {
    format!(
        "{} ({}-{})",
        micros(summary.median),
        micros(summary.p10),
        micros(summary.p90)
    )
}

fn micros(time: Duration) -> u128 {
    time.as_micros()
}

/// Returns our share of the reference's time.
fn times(ours: Duration, reference: Duration) -> f64 {
    if reference.is_zero() {
        0.0
    } else {
        ours.as_secs_f64() / reference.as_secs_f64()
    }
}
