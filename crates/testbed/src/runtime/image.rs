//! Images made here: one static executable, in the archive that `docker save` writes and every runtime reads.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::program::unpacked;

/// Writes an archive of an image that has busybox's applets in `/bin` and runs `command`.
#[track_caller]
pub(crate) fn write_busybox(archive: &Path, reference: &str, applets: &[&str], command: &[&str]) {
    let busybox = unpacked().join("bin/busybox");
    let work = archive.with_extension("d");
    let bin = work.join("rootfs/bin");
    fs::create_dir_all(&bin).expect("make a root file system");
    fs::copy(&busybox, bin.join("busybox")).unwrap_or_else(|error| {
        panic!("{}: {error}; run `make packages`", busybox.display());
    });
    for applet in applets {
        symlink("busybox", bin.join(applet)).expect("name an applet");
    }
    let layer = work.join("layer.tar");
    tar(&layer, &work.join("rootfs"), &["."]);
    let config = json!({
        "architecture": architecture(),
        "os": "linux",
        "config": {"Entrypoint": command, "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", sha256(&layer))]},
    });
    let manifest =
        json!([{"Config": "config.json", "RepoTags": [reference], "Layers": ["layer.tar"]}]);
    fs::write(work.join("config.json"), config.to_string()).expect("write the configuration");
    fs::write(work.join("manifest.json"), manifest.to_string()).expect("write the manifest");
    tar(
        archive,
        &work,
        &["manifest.json", "config.json", "layer.tar"],
    );
    fs::remove_dir_all(&work).expect("remove the work files");
}

fn tar(archive: &Path, directory: &Path, entries: &[&str]) {
    let mut command = Command::new("tar");
    command.args(["--owner=0", "--group=0", "--numeric-owner", "-cf"]);
    command.arg(archive).arg("-C").arg(directory).args(entries);
    let output = command.output().expect("run tar");
    assert!(output.status.success(), "{command:?}: {output:?}");
}

fn sha256(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output();
    let output = output.expect("run sha256sum").stdout;
    let text = String::from_utf8(output).expect("a sum is text");
    let sum = text.split_whitespace().next().expect("a sum");
    sum.to_owned()
}

/// Returns this machine's architecture as images name it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
