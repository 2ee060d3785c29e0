//! `CNI_ARGS` (SPEC §2): any text is either pairs that can be asked for, or a clear refusal.

use cni::{Args, Code};

/// Reads the input as `CNI_ARGS` and compares with a plain reading of the same text.
pub fn cni_args(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let pairs: Vec<&str> = text
        .split(';')
        .filter(|pair| !pair.trim().is_empty())
        .collect();
    let flags: Vec<&str> = pairs
        .iter()
        .filter_map(|pair| pair.strip_prefix("IgnoreUnknown="))
        .collect();
    let well_formed = pairs
        .iter()
        .all(|pair| pair.find('=').is_some_and(|at| at > 0))
        && flags.iter().all(|flag| flag_value(flag).is_some());
    match Args::parse(text) {
        Ok(args) => {
            assert!(well_formed, "taken: {text:?}");
            compare(&args, &pairs, &flags);
        }
        Err(error) => {
            assert!(!well_formed, "refused: {error}");
            assert_eq!(error.code, Code::InvalidEnvironment);
            assert!(error.msg.starts_with("CNI_ARGS: "), "{}", error.msg);
            assert!(one_line(&error.msg), "{}", error.msg);
        }
    }
}

fn compare(args: &Args, pairs: &[&str], flags: &[&str]) {
    let ignore = flags.last().copied().and_then(flag_value).unwrap_or(false);
    assert_eq!(args.ignore_unknown(), ignore);
    let split = |pair: &str| {
        let (key, value) = pair.split_once('=').expect("well-formed");
        (key.to_owned(), value.to_owned())
    };
    let pairs: Vec<(String, String)> = pairs.iter().copied().map(split).collect();
    for (key, _) in &pairs {
        let last = pairs.iter().rfind(|(name, _)| name == key);
        assert_eq!(args.get(key), last.map(|(_, value)| value.as_str()));
    }
    let known: Vec<&str> = pairs.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(args.check_known(&known), Ok(()));
    let foreign = pairs.iter().any(|(key, _)| key != "IgnoreUnknown");
    match args.check_known(&[]) {
        Ok(()) => assert!(ignore || !foreign),
        Err(error) => {
            assert!(!ignore && foreign);
            assert!(one_line(&error.msg), "{}", error.msg);
        }
    }
}

fn flag_value(text: &str) -> Option<bool> {
    let is = |name: &str| text.eq_ignore_ascii_case(name);
    if is("true") || text == "1" {
        Some(true)
    } else {
        (is("false") || text == "0").then_some(false)
    }
}

fn one_line(msg: &str) -> bool {
    !msg.chars().any(char::is_control)
}
