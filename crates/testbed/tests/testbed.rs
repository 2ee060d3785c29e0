//! The harness itself: its namespaces are private, its servers serve, and its waiting ends.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test's own functions fail as it does"
)]

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::Duration;

use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, bind, setsockopt, socket, sockopt,
};
use testbed::server::{
    Dnsmasq, Identity, LeaseState, Message, MessageType, PlainServer, RealServer, Reply,
    ScriptedServer, ServerPlan, Software,
};
use testbed::{Bed, Deadline, Echo, Invocation, Node, Process, Sniffer, echo, observe, wiring};

#[test]
fn a_bed_is_seen_by_its_thread_only() {
    let own_links = || fs::read_to_string("/proc/thread-self/net/dev").unwrap();
    let outside = own_links();
    let bed = Bed::new();
    bed.node.write("/run/trace", "x");
    bed.node.write("/var/lib/cni/networks/n/10.0.0.2", "x");
    assert_eq!(bed.node.enter(observe::link_names), ["eth1"]);
    assert_eq!(bed.node.list("/run"), ["netns", "trace"]);
    assert_eq!(bed.node.list("/var/run"), ["netns", "trace"]);
    std::thread::scope(|scope| {
        // A thread sees what the thread that started it sees, so this looks at the machine through the process.
        let seen = scope
            .spawn(|| fs::read_to_string(format!("/proc/{}/net/dev", std::process::id())).unwrap());
        assert!(!seen.join().unwrap().contains("br0"));
    });
    drop(bed);
    assert_eq!(own_links(), outside);
    assert!(!Path::new("/run/trace").exists());
}

#[test]
fn nodes_have_their_own_files_and_share_the_lan() {
    let bed = Bed::new();
    let other = bed.add_node();
    bed.node.write("/run/cni/dhcp.sock", "x");
    bed.node.write("/var/lib/cni/x", "x");
    assert_eq!(other.list("/run"), ["netns"]);
    assert_eq!(other.list("/var/lib/cni"), [""; 0]);
    for (node, host) in [(&bed.node, 2), (&other, 3)] {
        node.enter(|| wiring::add_address("eth1", bed.lan.address(host).into(), 24));
    }
    let answer = other.enter(|| echo(bed.lan.address(2), Duration::from_secs(5)));
    assert!(matches!(answer, Echo::Answered(_)), "{answer:?}");
}

#[test]
fn the_thread_comes_back_from_a_panic_in_a_namespace() {
    let bed = Bed::new();
    let before = fs::read_link("/proc/thread-self/ns/net").unwrap();
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        bed.node.enter(|| panic!("expected"))
    }));
    assert!(result.is_err());
    assert_eq!(fs::read_link("/proc/thread-self/ns/net").unwrap(), before);
}

#[test]
fn a_pod_is_a_namespace_file_that_can_be_lost_in_every_way() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod1");
    assert_eq!(pod.path(), Path::new("/run/netns/pod1"));
    pod.add_primary_network();
    let routes = pod.enter(observe::routes);
    assert!(
        routes
            .iter()
            .any(|route| route.dst == "default" && route.dev.as_deref() == Some("eth0")),
        "{routes:?}"
    );
    assert_eq!(bed.node.enter(observe::link_names), ["eth1", "vethpod1"]);

    pod.destroy_keep_file();
    assert_eq!(bed.node.read(pod.path()).as_deref(), Some(""));
    let second = bed.node.pod("pod2");
    second.destroy();
    assert_eq!(bed.node.list("/run/netns"), ["pod1"]);
}

#[test]
fn a_pod_ends_with_its_file() {
    let bed = Bed::new();
    let pod = bed.node.pod("pod1");
    pod.add_primary_network();
    let sniffer = bed.node.enter(Sniffer::start_here);
    pod.destroy();
    // The node's end of the cable goes when the namespace at the other end goes, some time after the unmount.
    drop(sniffer);
    bed.node.enter(|| wait_until_gone("vethpod1"));
}

#[test]
fn unplugging_the_node_takes_its_carrier() {
    let bed = Bed::new();
    bed.lan.unplug(bed.node.port());
    let link = bed.node.enter(|| observe::link("eth1")).unwrap();
    assert!(
        link.up && link.all["flags"].to_string().contains("NO-CARRIER"),
        "{}",
        link.all
    );
    bed.lan.replug(bed.node.port());
    let link = bed.node.enter(|| observe::link("eth1")).unwrap();
    assert!(
        !link.all["flags"].to_string().contains("NO-CARRIER"),
        "{}",
        link.all
    );
}

#[test]
fn dnsmasq_offers_an_address_to_a_raw_discover() {
    let bed = Bed::new();
    let dnsmasq = Dnsmasq::start(&bed.lan);
    let client = Client::new(&bed.node);
    let offer = client.exchange(&Client::discover());
    assert_eq!(offer.kind(), Some(MessageType::Offer));
    assert_eq!(offer.address(54), Some(bed.lan.router()));
    let ack = client.exchange(&Client::request(offer.yiaddr));
    assert_eq!(ack.kind(), Some(MessageType::Ack));
    dnsmasq.wait_for(&["DHCPACK", &offer.yiaddr.to_string()], Deadline::secs(5));
    let leases = dnsmasq.wait_for_leases(|leases| !leases.is_empty(), Deadline::secs(5));
    assert_eq!(leases[0].address, offer.yiaddr);
    assert_eq!(leases[0].mac, "02:00:00:00:00:07");
}

#[test]
fn dnsmasq_keeps_its_leases_over_a_restart() {
    let bed = Bed::new();
    let mut dnsmasq = Dnsmasq::start(&bed.lan);
    let client = Client::new(&bed.node);
    let offer = client.exchange(&Client::discover());
    client.exchange(&Client::request(offer.yiaddr));
    dnsmasq.wait_for_leases(|leases| leases.len() == 1, Deadline::secs(5));
    dnsmasq.stop();
    dnsmasq.restart(None);
    assert_eq!(dnsmasq.leases().len(), 1);
    dnsmasq.kill_and_forget();
    assert_eq!(dnsmasq.leases(), []);
}

#[test]
fn a_scripted_server_sends_what_it_is_told_from_where_it_is_told() {
    let bed = Bed::new();
    let other = bed.lan.address(9);
    bed.lan.add_address(other.into(), 24);
    let address = bed.lan.address(77);
    let server = ScriptedServer::start(&bed.lan, move |message| {
        let offer = message
            .reply(MessageType::Offer)
            .yiaddr(address)
            .with_addresses(54, &[other]);
        vec![
            Reply::raw(vec![1, 2, 3]),
            Reply::broadcast(&offer)
                .from(other)
                .after(Duration::from_millis(50)),
        ]
    });
    let client = Client::new(&bed.node);
    client.send(&Client::discover());
    let (bytes, _) = client.receive();
    assert_eq!(bytes, [1, 2, 3]);
    let (bytes, source) = client.receive();
    assert_eq!(Message::parse(&bytes).unwrap().yiaddr, address);
    assert_eq!(*source.ip(), other);
    let seen = server.wait_for(MessageType::Discover, 1, Deadline::secs(5));
    assert_eq!(seen.mac(), [2, 0, 0, 0, 0, 7]);
}

#[test]
fn a_plain_server_gives_the_same_client_the_same_address() {
    let bed = Bed::new();
    let (_server, log) = PlainServer::new(&bed.lan).start(&bed.lan);
    let client = Client::new(&bed.node);
    let first = client.exchange(&Client::discover());
    let ack = client.exchange(&Client::request(first.yiaddr));
    assert_eq!(ack.kind(), Some(MessageType::Ack));
    assert_eq!(client.exchange(&Client::discover()).yiaddr, first.yiaddr);
    let nak = client.exchange(&Client::request(bed.lan.address(5)));
    assert_eq!(nak.kind(), Some(MessageType::Nak));
    log.wait_for(|line| line.starts_with("DHCPNAK"), Deadline::secs(5));
}

#[test]
fn a_sniffer_sees_the_exchange_of_others() {
    let bed = Bed::new();
    let sniffer = Sniffer::start(&bed.lan.space());
    let (_server, _log) = PlainServer::new(&bed.lan).start(&bed.lan);
    let client = Client::new(&bed.node);
    let offer = client.exchange(&Client::discover());
    let (from, _, message) = sniffer.wait_for(
        |frame| {
            frame
                .dhcp()
                .filter(|(_, _, message)| message.kind() == Some(MessageType::Offer))
        },
        Deadline::secs(5),
    );
    assert_eq!((from, message.yiaddr), (bed.lan.router(), offer.yiaddr));
}

#[test]
fn every_real_server_offers_what_its_plan_has() {
    for software in Software::ALL {
        let bed = Bed::new();
        let plan = ServerPlan::new(&bed.lan)
            .lease(1800)
            .times(3, 5)
            .routers(&[bed.lan.address(3)])
            .dns(&[bed.lan.address(4), bed.lan.address(5)])
            .mtu(1400)
            .classless_route(Ipv4Addr::new(10, 16, 0, 0), 12, bed.lan.address(3))
            .reserve(Identity::Mac(CLIENT), bed.lan.address(77));
        let _server = RealServer::start(software, &bed.lan, plan);
        let offer = Client::new(&bed.node)
            .exchange(&Client::discover().with(55, [1, 121, 3, 6, 26, 58, 59]));
        let option = |code| offer.option(code).unwrap_or_default().to_vec();
        assert_eq!(offer.kind(), Some(MessageType::Offer), "{software:?}");
        assert_eq!(offer.yiaddr, bed.lan.address(77), "{software:?}");
        assert_eq!(offer.address(1), Some(bed.lan.netmask()), "{software:?}");
        assert_eq!(offer.address(3), Some(bed.lan.address(3)), "{software:?}");
        assert_eq!(
            option(6),
            [192, 168, 50, 4, 192, 168, 50, 5],
            "{software:?}"
        );
        assert_eq!(option(26), [5, 120], "{software:?}");
        assert_eq!(
            offer.address(51),
            Some(Ipv4Addr::from_bits(1800)),
            "{software:?}"
        );
        assert_eq!(option(58), [0, 0, 0, 3], "{software:?}");
        assert_eq!(option(59), [0, 0, 0, 5], "{software:?}");
        assert_eq!(option(121), [12, 10, 16, 192, 168, 50, 3], "{software:?}");
    }
}

#[test]
fn a_real_server_can_leave_out_the_router() {
    for software in Software::ALL {
        let bed = Bed::new();
        let plan = ServerPlan::new(&bed.lan).routers(&[]).dns(&[]);
        let _server = RealServer::start(software, &bed.lan, plan);
        let discover = Client::discover().with(55, [1, 3, 6]);
        let offer = Client::new(&bed.node).exchange(&discover);
        assert_eq!(
            (offer.option(3), offer.option(6)),
            (None, None),
            "{software:?}"
        );
    }
}

#[test]
fn every_real_server_keeps_its_leases_until_they_are_given_back() {
    for software in Software::ALL {
        let bed = Bed::new();
        let mut server = RealServer::start(software, &bed.lan, ServerPlan::new(&bed.lan));
        let client = Client::new(&bed.node);
        let offer = client.exchange(&Client::discover().with(61, [0, b'p', b'o', b'd']));
        let server_id = offer.address(54).unwrap();
        let chosen = |message: Message| {
            message
                .with(61, [0, b'p', b'o', b'd'])
                .with_addresses(54, &[server_id])
        };
        let ack = client.exchange(&chosen(Client::request(offer.yiaddr)));
        assert_eq!(ack.kind(), Some(MessageType::Ack), "{software:?}");
        let lease = server.wait_for_active(offer.yiaddr, Deadline::secs(5));
        assert_eq!(
            lease.mac.as_deref(),
            Some("02:00:00:00:00:07"),
            "{software:?}"
        );
        if software != Software::Udhcpd {
            assert_eq!(
                lease.client_id.as_deref(),
                Some("00:70:6f:64"),
                "{software:?}"
            );
        }
        server.stop();
        assert_eq!(
            server.lease(offer.yiaddr).unwrap().state,
            LeaseState::Active,
            "{software:?}"
        );
        server.restart(None);
        assert_eq!(
            server.lease(offer.yiaddr).unwrap().state,
            LeaseState::Active,
            "{software:?}"
        );
        if software != Software::Udhcpd {
            server.kill();
            server.restart(None);
            assert_eq!(
                server.lease(offer.yiaddr).unwrap().state,
                LeaseState::Active,
                "{software:?}"
            );
        }
        let mut release = chosen(Client::request(offer.yiaddr));
        release.options.retain(|(code, _)| *code != 50);
        release.options[0] = (53, vec![MessageType::Release as u8]);
        release.ciaddr = offer.yiaddr;
        client.send(&release);
        server.wait_for_release(offer.yiaddr, Deadline::secs(5));
    }
}

#[test]
fn every_real_server_takes_note_of_a_decline() {
    for software in Software::ALL {
        let bed = Bed::new();
        let server = RealServer::start(software, &bed.lan, ServerPlan::new(&bed.lan));
        let client = Client::new(&bed.node);
        let offer = client.exchange(&Client::discover());
        let request =
            Client::request(offer.yiaddr).with_addresses(54, &[offer.address(54).unwrap()]);
        client.exchange(&request);
        let mut decline = request;
        decline.options[0] = (53, vec![MessageType::Decline as u8]);
        client.send(&decline);
        server.wait_for_decline(offer.yiaddr, Deadline::secs(5));
    }
}

#[test]
fn a_process_is_killed_and_reaped_when_dropped() {
    let process = Process::start(
        "sh",
        &["-c".to_owned(), "echo started; exec sleep 600".to_owned()],
    );
    process
        .log()
        .wait_for(|line| line == "started", Deadline::secs(5));
    let pid = process.pid();
    assert!(process.is_running());
    drop(process);
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
fn a_log_says_so_when_its_writer_has_ended() {
    let process = Process::start("sh", &["-c".to_owned(), "echo one".to_owned()]);
    let log = process.log().clone();
    let waiting =
        std::panic::catch_unwind(|| log.wait_for(|line| line == "two", Deadline::secs(60)));
    let message = waiting.unwrap_err().downcast::<String>().unwrap();
    assert!(
        message.contains("ended") && message.contains("one"),
        "{message}"
    );
}

#[test]
fn an_invocation_passes_environment_and_stdin_and_nothing_else_of_cni() {
    let bed = Bed::new();
    bed.node.write("/run/plugins/show", "#!/bin/sh\nread -r line\nprintf '\"%s\"' \"$line $(env | grep ^CNI_ | sort | tr '\\n' ' ')\"\n");
    bed.node.enter(|| {
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions("/run/plugins/show", permissions).unwrap();
        let directory = Path::new("/run/plugins");
        let run = Invocation::new(&bed.node, "show", "ADD")
            .directory(directory)
            .stdin("hello\n")
            .ifname("net1")
            .run();
        assert_eq!(
            run.ok(),
            "hello CNI_COMMAND=ADD CNI_IFNAME=net1 CNI_PATH=/run/plugins "
        );
    });
}

/// A DHCP client of a few lines, on the node's `eth1`.
struct Client {
    socket: UdpSocket,
}

impl Client {
    fn new(node: &Node) -> Self {
        let socket = node.enter(|| {
            // Without an address of its own the kernel sends from 0.0.0.0, and takes broadcasts.
            let socket = socket(
                AddressFamily::Inet,
                SockType::Datagram,
                SockFlag::SOCK_CLOEXEC,
                None,
            )
            .unwrap();
            setsockopt(&socket, sockopt::Broadcast, &true).unwrap();
            setsockopt(&socket, sockopt::BindToDevice, &"eth1".into()).unwrap();
            let any = SockaddrIn::from(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 68));
            bind(socket.as_raw_fd(), &any).unwrap();
            UdpSocket::from(socket)
        });
        socket
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        Self { socket }
    }

    fn discover() -> Message {
        let mut chaddr = [0; 16];
        chaddr[..6].copy_from_slice(&CLIENT);
        let zero = Ipv4Addr::UNSPECIFIED;
        Message {
            op: 1,
            htype: 1,
            hlen: 6,
            xid: 0x0a0b_0c0d,
            secs: 0,
            flags: 0x8000,
            ciaddr: zero,
            yiaddr: zero,
            siaddr: zero,
            giaddr: zero,
            chaddr,
            sname: [0; 64],
            file: [0; 128],
            options: vec![(53, vec![1])],
        }
    }

    fn request(address: Ipv4Addr) -> Message {
        let mut message = Self::discover();
        message.options = vec![(53, vec![3])];
        message.with_addresses(50, &[address])
    }

    fn send(&self, message: &Message) {
        self.socket
            .send_to(&message.bytes(), (Ipv4Addr::BROADCAST, 67))
            .unwrap();
    }

    fn receive(&self) -> (Vec<u8>, SocketAddrV4) {
        let mut buffer = [0; 2048];
        let (length, source) = self
            .socket
            .recv_from(&mut buffer)
            .expect("an answer within 5 s");
        let std::net::SocketAddr::V4(source) = source else {
            panic!("an IPv6 answer")
        };
        (buffer[..length].to_vec(), source)
    }

    fn exchange(&self, message: &Message) -> Message {
        self.send(message);
        Message::parse(&self.receive().0).expect("a DHCP message")
    }
}

const CLIENT: [u8; 6] = [2, 0, 0, 0, 0, 7];

/// Waits for a link to go by the kernel's own word for it.
fn wait_until_gone(name: &str) {
    let events = Process::start("/usr/sbin/ip", &["monitor".to_owned(), "link".to_owned()]);
    if wiring::exists(name) {
        events.log().wait_for(
            |line| line.starts_with("Deleted") && line.contains(name),
            Deadline::secs(5),
        );
    }
}
