//! What becomes of records, and of files that are none.

use cni::{ContainerId, IfName, NetworkName};
use serde_json::json;

use super::*;

fn attachment(container_id: &str) -> Attachment {
    Attachment {
        network: NetworkName::parse("lan").unwrap(),
        container_id: ContainerId::parse(container_id).unwrap(),
        ifname: IfName::parse("net1").unwrap(),
    }
}

fn record(store: &RecordStore, container_id: &str) -> Record {
    let lease = json!({
        "address": "192.0.2.5", "prefix_len": 24, "server_id": "192.0.2.1",
        "acquired_at": {"secs": 7, "nanos": 0},
    });
    let record = json!({
        "version": VERSION,
        "bootId": store.boot_id(),
        "attachment": attachment(container_id),
        "pod": "shop/web-0",
        "link": {
            "netnsPath": "/run/netns/a", "netnsDevice": 4, "netnsInode": 4_026_532_001_u64,
            "ifname": "net1", "index": 2, "mac": [2, 0, 0, 0, 0, 1], "parent": 3,
        },
        "config": {
            "clientId": {"bytes": "00ff"}, "hostname": "web-0", "request": [1, 3],
            "provide": [{"code": 60, "value": "61"}], "routes": [], "suppress": ["dns"],
            "priority": null, "timeoutMs": null, "conflictDetection": "fast", "broadcast": null,
            "onAddressChange": "apply",
        },
        "lease": lease,
        "inPod": lease,
        "seen": true,
        "serverStation": [2, 0, 0, 0, 0, 9],
    });
    serde_json::from_value(record).unwrap()
}

fn store() -> (tempfile::TempDir, RecordStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = RecordStore::open(&directory.path().join("dhcp")).unwrap();
    (directory, store)
}

fn names(store: &RecordStore) -> Vec<String> {
    let entries = fs::read_dir(&store.directory).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn what_is_saved_is_loaded_until_it_is_removed() {
    let (_directory, store) = store();
    let (one, two) = (record(&store, "c0ffee"), record(&store, "decaf"));
    store.save(&one).unwrap();
    store.save(&two).unwrap();
    store.save(&one).unwrap();
    let mut live = store.load().unwrap().live;
    live.sort_by(|a, b| a.attachment.cmp(&b.attachment));
    assert_eq!(live, [one, two.clone()]);
    store.remove(&attachment("c0ffee")).unwrap();
    store.remove(&attachment("c0ffee")).unwrap();
    assert_eq!(store.load().unwrap().live, [two]);
}

#[test]
fn names_tell_people_the_attachment_and_collide_for_no_two() {
    let (_directory, store) = store();
    store.save(&record(&store, "c0ffee")).unwrap();
    let prefix = "a".repeat(300);
    store.save(&record(&store, &format!("{prefix}1"))).unwrap();
    store.save(&record(&store, &format!("{prefix}2"))).unwrap();
    let names = names(&store);
    assert_eq!(names.len(), 3);
    assert!(
        names
            .iter()
            .any(|name| name.starts_with("lan.c0ffee.net1.")),
        "{names:?}"
    );
    assert_eq!(store.load().unwrap().live.len(), 3);
}

/// Version 1 as it was first released. What changes the format has to go on reading this.
#[test]
fn records_of_version_1_stay_readable() {
    let (_directory, store) = store();
    let text = include_str!("../../../tests/fixtures/record-1.json");
    let mut written: serde_json::Value = serde_json::from_str(text).unwrap();
    written["bootId"] = store.boot_id().into();
    let path = store.path_of(&attachment("pod0"));
    fs::write(&path, written.to_string()).unwrap();
    let [record] = &store.load().unwrap().live[..] else {
        panic!("the record is not read");
    };
    assert_eq!(serde_json::to_value(record).unwrap(), written);
    // What the first daemons did not write.
    written.as_object_mut().unwrap().remove("seen");
    written.as_object_mut().unwrap().remove("asked");
    written["link"].as_object_mut().unwrap().remove("mtu");
    let config = written["config"].as_object_mut().unwrap();
    config.remove("defaultRoute");
    written["lease"].as_object_mut().unwrap().remove("options");
    fs::write(&path, written.to_string()).unwrap();
    assert_eq!(store.load().unwrap().live.len(), 1);
}

#[test]
fn records_of_another_boot_are_dropped() {
    let (_directory, store) = store();
    let mut old = record(&store, "c0ffee");
    old.boot_id = "another".to_owned();
    store.save(&old).unwrap();
    assert_eq!(store.load().unwrap(), Records::default());
    assert!(names(&store).is_empty());
}

#[test]
fn records_of_a_newer_format_are_left_alone() {
    let (_directory, store) = store();
    let mut newer = record(&store, "c0ffee");
    newer.version = VERSION + 1;
    store.save(&newer).unwrap();
    assert_eq!(store.load().unwrap(), Records::default());
    assert_eq!(names(&store).len(), 1);
}

#[test]
fn a_record_cut_anywhere_is_set_aside() {
    let (_directory, store) = store();
    let whole = record(&store, "c0ffee");
    let path = store.path_of(&whole.attachment);
    let json = serde_json::to_vec(&whole).unwrap();
    for end in 0..json.len() {
        fs::write(&path, &json[..end]).unwrap();
        assert_eq!(store.load().unwrap(), Records::default(), "{end}");
        assert_eq!(names(&store).len(), 1);
        assert!(names(&store)[0].ends_with(ASIDE), "{end}");
    }
}

#[test]
fn a_record_under_anothers_name_is_set_aside() {
    let (_directory, store) = store();
    store.save(&record(&store, "c0ffee")).unwrap();
    let other = store.path_of(&attachment("decaf"));
    fs::rename(store.path_of(&attachment("c0ffee")), &other).unwrap();
    assert_eq!(store.load().unwrap(), Records::default());
}

#[test]
fn what_a_crash_left_half_written_is_removed_and_foreign_files_are_not() {
    let (_directory, store) = store();
    fs::write(store.directory.join("x.json.new"), "{").unwrap();
    fs::write(store.directory.join("README"), "keep").unwrap();
    assert_eq!(store.load().unwrap(), Records::default());
    assert_eq!(names(&store), ["README"]);
}

#[test]
fn a_directory_that_cannot_be_written_is_an_error_and_leaves_nothing() {
    let (_directory, store) = store();
    let record = record(&store, "c0ffee");
    fs::create_dir(store.path_of(&record.attachment)).unwrap();
    assert!(store.save(&record).is_err());
    assert_eq!(names(&store).len(), 1);
}

#[test]
fn a_deleted_record_is_told_apart_and_removed_with_the_attachments() {
    let (_directory, store) = store();
    let record = record(&store, "c0ffee");
    store.save(&record).unwrap();
    let attachment = attachment("c0ffee");
    store.mark_deleted(&attachment).unwrap();
    store.mark_deleted(&attachment).unwrap();
    let expected = Records {
        live: Vec::new(),
        deleted: vec![record],
    };
    assert_eq!(store.load().unwrap(), expected);
    store.remove(&attachment).unwrap();
    assert!(names(&store).is_empty());
}

#[test]
fn what_is_no_readable_file_costs_no_other_record() {
    let (_directory, store) = store();
    let good = record(&store, "c0ffee");
    store.save(&good).unwrap();
    fs::create_dir(store.directory.join("a.json")).unwrap();
    fs::create_dir(store.directory.join("b.json.new")).unwrap();
    std::os::unix::fs::symlink("/nowhere", store.directory.join("c.json")).unwrap();
    nix::unistd::mkfifo(
        &store.directory.join("d.json"),
        nix::sys::stat::Mode::S_IRWXU,
    )
    .unwrap();
    assert_eq!(store.load().unwrap().live, [good]);
}

#[test]
fn a_record_that_del_marks_while_it_is_looked_for_is_not_missed() {
    let (_directory, store) = store();
    let gone = record(&store, "c0ffee");
    store.save(&gone).unwrap();
    // As when a name is read before the rename and opened after it.
    fs::rename(
        store.path_of(&gone.attachment),
        store.deleted_path_of(&gone.attachment),
    )
    .unwrap();
    std::os::unix::fs::symlink("/nowhere", store.path_of(&gone.attachment)).unwrap();
    let records = store.load().unwrap();
    assert_eq!((records.live, records.deleted), (Vec::new(), vec![gone]));
}

#[test]
fn a_record_found_under_both_names_is_deleted() {
    let (_directory, store) = store();
    let both = record(&store, "c0ffee");
    store.save(&both).unwrap();
    fs::copy(
        store.path_of(&both.attachment),
        store.deleted_path_of(&both.attachment),
    )
    .unwrap();
    let records = store.load().unwrap();
    assert_eq!((records.live, records.deleted), (Vec::new(), vec![both]));
}
